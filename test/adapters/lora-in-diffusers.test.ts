import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { requireEncoded } from '../../src/families/encoded-prompt.ts';
import { hashCheckpoint } from '../../src/families/checkpoint-hash.ts';
import { makeTinyJob, runTinyJob } from '../erase/tiny-job.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeTinySdFolder } from '../helpers/tiny-sd-folder.ts';

// ERASE_CONCEPT_DIFFUSERS=PYTHON runs it, in an environment with torch, diffusers, transformers and peft.
const python = process.env.ERASE_CONCEPT_DIFFUSERS;
const script = path.resolve(import.meta.dirname, '../golden/draw-with-lora.py');
const prompts = ['a star in the style of Pontilla', 'a red heart', 'a photo of a blue moon'];

it.skipIf(python === undefined)(
  'diffusers draws with the LoRA file what it draws with the merged model',
  async () => {
    const folder = makeTemporaryFolder();
    const model = writeTinySdFolder(path.join(folder, 'tiny'));
    const loraOutput = path.join(folder, 'alone.safetensors');
    const job = await makeTinyJob(path.join(folder, 'job'), {
      adapter: { kind: 'lora', rank: 4, convRank: 2, basePrecision: 'stored', alpha: 8 },
      ...{ output: 'both', train: 'full', learningRate: 3e-3, steps: 10 },
    });
    const merged = path.join(folder, 'merged');
    const asked = { model: { path: model, sha256: await hashCheckpoint(model) }, output: merged };
    await runTinyJob({ ...job, ...asked, loraOutput }, path.join(folder, 'job'));

    const checkpoint = await openCheckpoint(model);
    const { prompts: encoded, tokens } = await checkpoint.condition.encode(['', ...prompts], {
      ...{ device: 'cpu', threads: 1 },
    });
    const contexts = path.join(folder, 'contexts.safetensors');
    const statesOf = (texts: readonly string[]) => ({
      shape: [texts.length, tokens, checkpoint.condition.width],
      elements: () =>
        Promise.resolve(
          Float32Array.from(texts.flatMap((text) => [...requireEncoded(encoded, text).context])),
        ),
    });
    await writeTensorFile(
      contexts,
      [
        { name: 'prompts', ...statesOf(prompts) },
        { name: 'empty', ...statesOf(prompts.map(() => '')) },
      ],
      {},
    );
    await checkpoint.file.close();
    const { stdout } = await promisify(execFile)(python ?? '', [
      ...[script, model, loraOutput, merged, contexts],
    ]);
    const drawn = JSON.parse(stdout) as Record<'mergedFromLora' | 'loraFromOriginal', number>;
    console.log(drawn);
    expect(drawn.mergedFromLora).toBeLessThan(2);
    expect(drawn.loraFromOriginal).toBeGreaterThan(10 * drawn.mergedFromLora);
  },
  900_000,
);
