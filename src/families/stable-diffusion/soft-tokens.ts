import { gradients } from '../../autodiff/backward.ts';
import { elementAt } from '../../element-at.ts';
import { AppError } from '../../errors.ts';
import { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { GraphSession } from '../../runtime/session.ts';
import { floatData, floatTensor, intTensor, type Tensor } from '../../runtime/tensor.ts';
import { joinColumns, splitColumns } from '../../tensor/rows.ts';
import { chunkPrompt } from '../../tokenizer/prompt-chunks.ts';
import { checkpointWeights, weightsFolder } from '../checkpoint-weights.ts';
import type { EncodingSettings, SoftPlace, SoftTokens } from '../family.ts';
import { buildClipText } from './clip-text.ts';
import { shownLayer } from './context-state.ts';
import { rowsOf } from './learned-words.ts';
import { openTokenizers, type OpenTokenizer } from './open-tokenizer.ts';
import type { Opened } from './opened.ts';
import { readTypedWords, tokenEmbeddings } from './typed-words.ts';

/**
 * Tokens of prompts whose embeddings are free: what the text encoders make of prompts with them, and the
 * gradient back to them. Where there are two encoders, the second's numbers follow those of the first. What
 * a UNet is told of the whole prompt (SDXL's pooled state) is made of them too; no gradient comes back from it.
 */
export async function openSoftTokens(
  checkpoint: Opened,
  settings: EncodingSettings,
): Promise<SoftTokens> {
  const tokenizers = await openTokenizers(checkpoint);
  const widths = checkpoint.architecture.textEncoders.map(({ hiddenSize }) => hiddenSize);
  const width = widths.reduce((sum, own) => sum + own, 0);
  const session = await createSession(checkpoint, settings);

  const run = async (place: SoftPlace, embeddings: Float32Array, ct: Float32Array | null) => {
    const count = embeddings.length / width;
    const parts = splitColumns(embeddings, widths);
    const { length } = elementAt(tokenizers, 0).frame;
    const cotangents = ct ? splitColumns(ct, widths) : [];
    const framed = tokenizers.map((tokenizer) => frameOf(tokenizer, place, count));
    const feeds: Record<string, Tensor> = {};
    for (const [i, { ids, first }] of framed.entries()) {
      const own = elementAt(widths, i);
      const rows = new Float32Array(length * own);
      rows.set(elementAt(parts, i), first * own);
      const isSoft = Float32Array.from({ length }, (_, at) =>
        Number(at >= first && at < first + count),
      );
      feeds[`ids${i}`] = intTensor(ids, [1, length]);
      feeds[`mask${i}`] = floatTensor(isSoft, [1, length, 1]);
      feeds[`rows${i}`] = floatTensor(rows, [1, length, own]);
      feeds[`cotangent${i}`] = floatTensor(cotangents[i] ?? new Float32Array(length * own), [
        ...[1, length, own],
      ]);
    }
    const results = await session.run(feeds);
    const valuesOf = (name: string) => {
      const tensor = results[name];
      if (!tensor) throw new AppError('internal.unexpected', `the text encoder gave no ${name}`);
      return floatData(tensor).slice();
    };
    return { framed, count, length, valuesOf, hasPooled: results.pooled !== undefined };
  };
  return {
    width,
    scales: await vocabularyScales(checkpoint),
    async encode(place, embeddings) {
      const { valuesOf, length, hasPooled } = await run(place, embeddings, null);
      const hidden = widths.map((_, i) => valuesOf(`hidden${i}`));
      return {
        context: joinColumns(hidden, length),
        pooled: hasPooled ? valuesOf('pooled') : null,
      };
    },
    async gradient(place, embeddings, ct) {
      const { valuesOf, framed, count } = await run(place, embeddings, ct);
      const parts = framed.map(({ first }, i) => {
        const own = elementAt(widths, i);
        return valuesOf(`gradient${i}`).subarray(first * own, (first + count) * own);
      });
      return joinColumns(parts, count);
    },
    words: () => readTypedWords(checkpoint, tokenizers),
    release: () => session.release(),
  };
}

/**
 * Inputs for each encoder: `ids0` (int64 [1, T]), `mask0` (float32 [1, T, 1], 1 where a free token stands), `rows0`
 * (float32 [1, T, C], its embedding there), `cotangent0` (float32 [1, T, C]). Outputs: `hidden0` (float32 [1, T, C]),
 * `gradient0` (of Σ ct·hidden to the rows), and `pooled` where the UNet takes one.
 */
async function createSession(
  checkpoint: Opened,
  { device, threads, clipSkip = 1 }: EncodingSettings,
): Promise<GraphSession> {
  const { textEncoders, unet } = checkpoint.architecture;
  const g = new GraphBuilder('soft-tokens');
  const weights = checkpointWeights(g, checkpoint);
  const rows: Value[] = [];
  const products: Value[] = [];
  for (const [i, config] of textEncoders.entries()) {
    const { length, endId } = config.tokenizer;
    const ids = g.input(`ids${i}`, 'int64', [1, length]);
    const soft = {
      mask: g.input(`mask${i}`, 'float32', [1, length, 1]),
      rows: g.input(`rows${i}`, 'float32', [1, length, config.hiddenSize]),
    };
    const text = buildClipText(
      g,
      weights,
      { ...config, learned: rowsOf(checkpoint, i), soft },
      ids,
    );
    const hidden = text.hidden(shownLayer(config, clipSkip), config.isNormalized);
    const cotangent = g.input(`cotangent${i}`, 'float32', hidden.shape);
    rows.push(soft.rows);
    products.push(g.reduceSum(g.mul(hidden, cotangent), [0, 1, 2], false));
    g.output(`hidden${i}`, hidden);
    const isLast = i === textEncoders.length - 1;
    if (isLast && unet.admInChannels !== null) g.output('pooled', text.pooled(endId));
  }
  // Σ ct·y, whose gradient is the vector-Jacobian product.
  const sum = products.reduce((all, product) => g.add(all, product));
  for (const [i, gradient] of gradients(g, sum, rows).entries()) g.output(`gradient${i}`, gradient);
  return GraphSession.create(g.graph, {
    device,
    threads,
    weightsFolder: weightsFolder(checkpoint),
  });
}

/** A prompt's ids with some for the free tokens, and where those begin; what is too long loses its end. */
function frameOf(
  { tokenizer, frame }: OpenTokenizer,
  { before, behind }: SoftPlace,
  count: number,
): { readonly ids: number[]; readonly first: number } {
  const { startId, endId, padId, length } = frame;
  const idsOf = (words: string) => {
    const [chunk] = chunkPrompt(words, tokenizer, { frame });
    return chunk?.ids.slice(1, chunk.ids.indexOf(endId)) ?? [];
  };
  // Start, end and the tokens themselves have their places, however long the rest is.
  const room = length - 2 - count;
  const ahead = idsOf(before).slice(0, room);
  const rest = idsOf(behind).slice(0, room - ahead.length);
  // Any id but the end's, which tells where a prompt ends, stands in for a free token.
  const free = Array<number>(count).fill(startId);
  const words = [startId, ...ahead, ...free, ...rest, endId];
  return {
    ids: [...words, ...Array<number>(length - words.length).fill(padId)],
    first: 1 + ahead.length,
  };
}

/** Root mean square of the numbers in the embeddings of a model's own words, but for those that are zero. */
async function vocabularyScales(checkpoint: Opened): Promise<Float32Array> {
  const scales: Float32Array[] = [];
  for (const [i, { hiddenSize }] of checkpoint.architecture.textEncoders.entries()) {
    let [sum, count] = [0, 0];
    for (const value of await tokenEmbeddings(checkpoint, i)) {
      sum += value ** 2;
      count += Number(value !== 0);
    }
    scales.push(new Float32Array(hiddenSize).fill(Math.sqrt(sum / count)));
  }
  return joinColumns(scales, 1);
}
