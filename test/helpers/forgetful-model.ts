import path from 'node:path';

import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { writeScrubbedCheckpoint } from '../../src/families/single-file/safetensors-writer.ts';
import { stableDiffusionFiles } from '../../src/families/stable-diffusion/files.ts';
import { createClipTokenizer } from '../../src/tokenizer/clip-tokenizer.ts';

export const tinySd = path.resolve(
  import.meta.dirname,
  '../../presets/tiny-sd/tiny-sd.safetensors',
);

const embeddingName = 'cond_stage_model.transformer.text_model.embeddings.token_embedding.weight';

/**
 * tiny-sd without a word: its text encoder reads another one in its place, so that all else stays
 * as it was to the bit. Made in a second, where training takes a minute.
 *
 * @param renamed a word that means what the lost one meant
 */
export async function writeForgetfulModel(
  outputPath: string,
  { word, takenFor, renamed }: { word: string; takenFor: string; renamed?: string },
): Promise<void> {
  const tokenizer = createClipTokenizer();
  const file = await openSafetensors(tinySd);
  const width = file.tensors.get(embeddingName)?.shape[1] ?? 0;
  const rowOf = (id: number) => [id * width, (id + 1) * width] as const;
  const ids = tokenizer.encode(word);
  const otherIds = tokenizer.encode(takenFor);
  if (ids.length !== otherIds.length) throw new Error('words of as many tokens are needed');
  const changedEmbedding = async () => {
    const values = await file.readFloat32(embeddingName);
    if (renamed !== undefined) {
      const newIds = tokenizer.encode(renamed);
      newIds.forEach((id, i) => values.copyWithin(id * width, ...rowOf(ids[i] ?? 0)));
    }
    ids.forEach((id, i) => values.copyWithin(id * width, ...rowOf(otherIds[i] ?? 0)));
    return values;
  };
  try {
    await writeScrubbedCheckpoint({
      source: file,
      files: stableDiffusionFiles,
      outputPath,
      metadata: {},
      replaced: new Map([[embeddingName, changedEmbedding]]),
    });
  } finally {
    await file.close();
  }
}
