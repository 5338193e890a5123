import path from 'node:path';

import { expect, it } from 'vitest';

import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { openTokenizers } from '../../src/families/stable-diffusion/open-tokenizer.ts';
import { LearnedNames } from '../../src/erase/learned-names.ts';
import { preparePrompts } from '../../src/jobs/request/prepare-prompts.ts';
import { elementCount } from '../../src/tensor/shape.ts';
import { chunkPrompt } from '../../src/tokenizer/prompt-chunks.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

const tinySd = path.resolve('presets/tiny-sd/tiny-sd.safetensors');
const embeddings = path.resolve('test/golden/embeddings');
const tokens = 'cond_stage_model.transformer.text_model.embeddings.token_embedding.weight';
const place = { device: 'cpu', threads: 1 } as const;

async function writeVectors(
  file: string,
  tensors: Readonly<Record<string, readonly number[]>>,
  values?: Float32Array,
): Promise<string> {
  const entries = Object.entries(tensors).map(([name, shape]) => ({
    ...{ name, shape },
    elements: () => Promise.resolve(values ?? new Float32Array(elementCount(shape)).fill(0.01)),
  }));
  await writeTensorFile(file, entries, {});
  return file;
}

it('a learned word is encoded as the vectors that it stands for', async () => {
  const folder = makeTemporaryFolder();
  const file = await openSafetensors(tinySd);
  const table = await file.readFloat32(tokens);
  await file.close();
  const checkpointWith = (embedding: string) =>
    openCheckpoint(tinySd, undefined, { embeddings: [embedding] });
  // The vectors of "red" and "heart" as a word that is spelled by several tokens itself.
  const probe = await openCheckpoint(tinySd);
  const [opened] = await openTokenizers(asStableDiffusion(probe));
  const ids = opened?.tokenizer.encode('red heart') ?? [];
  expect(ids).toHaveLength(2);
  const rows = Float32Array.from(ids.flatMap((id) => [...table.slice(id * 64, (id + 1) * 64)]));
  const own = await writeVectors(
    path.join(folder, 'Sks_v2-1500.safetensors'),
    { emb_params: [2, 64] },
    rows,
  );
  const checkpoint = await checkpointWith(own);
  const encode = async (prompt: string) => {
    const { prompts } = await checkpoint.condition.encode([prompt], place);
    return prompts.get(prompt)?.context;
  };
  expect(await encode('a (sks_V2-1500:1.2), photo')).toEqual(
    await encode('a (red heart:1.2), photo'),
  );
  await checkpoint.close();
  await probe.close();
});

it('a word of several vectors is not cut between chunks', async () => {
  const checkpoint = await openCheckpoint(tinySd, undefined, {
    embeddings: [path.join(embeddings, 'sks_style.pt')],
  });
  const [opened] = await openTokenizers(asStableDiffusion(checkpoint));
  const { tokenizer, frame } = opened!;
  const chunks = chunkPrompt(`${'a '.repeat(74)}sks_style`, tokenizer, { frame });
  const [vocabulary = 0] = [asStableDiffusion(checkpoint).architecture.textEncoders[0]?.vocabSize];
  expect(chunks.map(({ ids }) => ids.filter((id) => id >= vocabulary))).toEqual([
    [],
    [vocabulary, vocabulary + 1],
  ]);
  await checkpoint.close();
});

it.each([
  [
    'SD 2.x',
    { emb_params: [4, 1024] },
    /vectors of 1024 numbers, as those for SD 2\.x, and this model \(SD 1\.x\) takes 64/,
  ],
  ['SDXL', { clip_l: [2, 768], clip_g: [2, 1280] }, /768 and 1280 numbers, as those for SDXL/],
  ['several words', { '<a>': [64], '<b>': [64] }, /several words/],
  ['a LoRA', { 'lora_unet_x.lora_up.weight': [64, 4] }, /no embedding.*lora_unet_x/],
  ['too many vectors', { emb_params: [80, 64] }, /80 vectors/],
])('an embedding that does not fit is refused: %s', async (name, tensors, message) => {
  const file = await writeVectors(path.join(makeTemporaryFolder(), `${name}.safetensors`), tensors);
  await expect(openCheckpoint(tinySd, undefined, { embeddings: [file] })).rejects.toThrow(message);
});

it('its prompts are found, and its word is what anchors leave out', async () => {
  const request = {
    ...{ forgetImages: undefined, retainImages: undefined, anchor: undefined, concept: undefined },
    ...{ retain: [], learned: ['sks_v2-1500'] },
  };
  const { forget, concept, warnings } = await preparePrompts(
    {
      ...request,
      forget: ['a dog in the style of embedding:sks_v2-1500', 'a red star, SKS_v2-1500'],
    },
    undefined,
    'concept',
  );
  expect(forget).toEqual([
    { prompt: 'a dog in the style of sks_v2-1500', anchor: 'a dog' },
    { prompt: 'a red star, sks_v2-1500', anchor: 'a red star' },
  ]);
  expect({ concept, warnings }).toEqual({ concept: 'sks_v2-1500', warnings: [] });
  const alone = await preparePrompts({ ...request, forget: [] }, undefined, 'concept');
  expect(alone.forget.map(({ prompt }) => prompt)).toEqual(
    new LearnedNames(['sks_v2-1500']).prompts('sentences'),
  );
  for (const { anchor } of alone.forget) expect(anchor).not.toMatch(/sks|vexqualor|^$/i);
  const others = await preparePrompts({ ...request, forget: ['a dog'] }, undefined, 'concept');
  expect(others.warnings).toEqual([
    expect.stringMatching(/No prompt to forget holds the word "sks_v2-1500"/),
  ]);
});
