import { gradients } from '../../autodiff/backward.ts';
import { elementAt } from '../../element-at.ts';
import { AppError } from '../../errors.ts';
import { GraphBuilder } from '../../onnx/graph-builder.ts';
import { GraphSession } from '../../runtime/session.ts';
import { floatData, floatTensor, intTensor } from '../../runtime/tensor.ts';
import { chunkPrompt } from '../../tokenizer/prompt-chunks.ts';
import { checkpointWeights, weightsFolder } from '../checkpoint-weights.ts';
import type { EncodingSettings, SoftPlace, SoftToken } from '../family.ts';
import { buildClipText } from './clip-text.ts';
import { shownLayer } from './context-state.ts';
import { rowsOf } from './learned-words.ts';
import { openTokenizers } from './open-tokenizer.ts';
import type { Opened } from './opened.ts';

/**
 * A token of prompts whose embedding is free: what the text encoder makes of prompts with it, and the
 * gradient back to it.
 *
 * @throws AppError `model.unsupported` for a model with several text encoders
 */
export async function openSoftToken(
  checkpoint: Opened,
  { device, threads, clipSkip = 1 }: EncodingSettings,
): Promise<SoftToken> {
  const [config, ...others] = checkpoint.architecture.textEncoders;
  const [opened] = await openTokenizers(checkpoint);
  if (!config || !opened || others.length > 0) {
    throw new AppError(
      'model.unsupported',
      'an embedding is attacked through one text encoder, and this model has two. Use another kind of attack.',
    );
  }
  const { tokenizer, frame } = opened;
  const { length, endId } = frame;
  const { hiddenSize } = config;

  const g = new GraphBuilder('soft-token');
  const weights = checkpointWeights(g, checkpoint);
  const ids = g.input('ids', 'int64', [1, length]);
  const mask = g.input('mask', 'float32', [1, length, 1]);
  const row = g.input('row', 'float32', [1, hiddenSize]);
  const learned = rowsOf(checkpoint, 0);
  const text = buildClipText(g, weights, { ...config, learned, soft: { row, mask } }, ids);
  const hidden = text.hidden(shownLayer(config, clipSkip), config.isNormalized);
  const cotangent = g.input('cotangent', 'float32', hidden.shape);
  // Σ ct·y, whose gradient is the vector-Jacobian product.
  const product = g.reduceSum(g.mul(hidden, cotangent), [0, 1, 2], false);
  g.output('hidden', hidden);
  g.output('gradient', elementAt(gradients(g, product, [row]), 0));
  const folder = weightsFolder(checkpoint);
  const session = await GraphSession.create(g.graph, { device, threads, weightsFolder: folder });

  const idsOf = (words: string) => {
    const [chunk] = chunkPrompt(words, tokenizer, { frame });
    return chunk?.ids.slice(1, chunk.ids.indexOf(endId)) ?? [];
  };
  const feedsOf = ({ before, behind }: SoftPlace) => {
    // The token itself and the end have their places, however long the rest is.
    const first = idsOf(before).slice(0, length - 3);
    const second = idsOf(behind).slice(0, length - 3 - first.length);
    const words = [frame.startId, ...first, endId, ...second, endId];
    const rest = Array<number>(length - words.length).fill(frame.padId);
    const mask = Float32Array.from({ length }, (_, i) => Number(i === first.length + 1));
    return {
      ids: intTensor([...words, ...rest], [1, length]),
      mask: floatTensor(mask, [1, length, 1]),
    };
  };
  const run = async (place: SoftPlace, embedding: Float32Array, ct: Float32Array) => {
    const results = await session.run({
      ...feedsOf(place),
      row: floatTensor(embedding, [1, hiddenSize]),
      cotangent: floatTensor(ct, hidden.shape),
    });
    const valuesOf = (name: string) => {
      const tensor = results[name];
      if (!tensor) throw new AppError('internal.unexpected', `the text encoder gave no ${name}`);
      return floatData(tensor).slice();
    };
    return { hidden: valuesOf('hidden'), gradient: valuesOf('gradient') };
  };
  return {
    width: hiddenSize,
    scale: await vocabularyScale(checkpoint),
    async encode(place, embedding) {
      const none = new Float32Array(length * hiddenSize);
      return { context: (await run(place, embedding, none)).hidden, pooled: null };
    },
    async gradient(place, embedding, ct) {
      return (await run(place, embedding, ct)).gradient;
    },
    release: () => session.release(),
  };
}

/** Root mean square of the numbers in the embeddings of a model's own words, but for those that are zero. */
async function vocabularyScale({ file, architecture }: Opened): Promise<number> {
  const { keyPrefix, layout } = elementAt(architecture.textEncoders, 0);
  const name =
    layout === 'openclip' ? 'token_embedding.weight' : 'embeddings.token_embedding.weight';
  let [sum, count] = [0, 0];
  for (const value of await file.readFloat32(`${keyPrefix}${name}`)) {
    sum += value ** 2;
    count += Number(value !== 0);
  }
  return Math.sqrt(sum / count);
}
