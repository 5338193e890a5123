import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { asItIs } from '../../src/adapters/full-weights.ts';
import { lowRank } from '../../src/adapters/low-rank/adapter.ts';
import { defaultAdapters } from '../../src/adapters/settings.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { stateBytes } from '../../src/jobs/estimate/state-bytes.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { floatData } from '../../src/runtime/tensor.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { makeTinyJob, runTinyJob } from '../erase/tiny-job.ts';
import { encodedPrompts } from '../helpers/encoded-prompts.ts';
import { relativeError } from '../helpers/relative-error.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const model = path.resolve('presets/tiny-sd/tiny-sd.safetensors');
const int8 = { ...defaultAdapters.lora, rank: 4, basePrecision: 'int8' } as const;
const run = { device: 'cpu', threads: 2 } as const;

it('predicts nearly as the original, in a quarter of its memory, the same when made again', async () => {
  const checkpoint = await openCheckpoint(model);
  onTestFinished(() => checkpoint.file.close());
  const names = checkpoint.groups.namesOf('xattn');
  const folder = makeTemporaryFolder();
  const adaptation = lowRank.fit(checkpoint, names, { adapter: int8, seed: 0, folder });
  const file = path.join(folder, 'base-int8.safetensors');
  expect(existsSync(file)).toBe(false);
  const { settings } = await makeTinyJob(makeTemporaryFolder(), { adapter: int8 });
  const without = { ...settings, adapter: { ...int8, basePrecision: 'stored' } } as const;
  // What the estimate says of the disk, beside the file.
  const counted = stateBytes(checkpoint, settings) - stateBytes(checkpoint, without);
  expect(counted).toBe(adaptation.base!.bytes);
  const error = await adaptation.base!.make();
  expect(error).toBeGreaterThan(1e-3);
  expect(error).toBeLessThan(2e-2);
  const { mtimeMs } = statSync(file);
  expect(await adaptation.base!.make()).toBeNull();
  expect(statSync(file).mtimeMs).toBe(mtimeMs);

  const stored = await openSafetensors(file);
  onTestFinished(() => stored.close());
  const float32Bytes = [...checkpoint.file.tensors.values()]
    .filter(({ name }) => name.startsWith(checkpoint.denoiser.prefix))
    .reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0);
  expect(adaptation.base!.bytes / float32Bytes).toBeLessThan(0.28);
  expect(readFileSync(file).length).toBeLessThan(0.3 * float32Bytes);

  const shape = { batch: 1, latentHeight: 8, latentWidth: 8, contextTokens: 77 };
  const generator = createGenerator(2);
  const rows = {
    noisyLatents: generator.randn(4 * 64),
    timesteps: [400],
    prompts: encodedPrompts(generator.randn(77 * 64)),
  };
  const rounded = await UnetSession.create(checkpoint, { shape, adaptation, ...run });
  const original = await UnetSession.create(checkpoint, {
    ...{ shape, adaptation: asItIs(checkpoint) },
    ...run,
  });
  const [found, expected] = [
    floatData(await rounded.predict(await adaptation.initial(), rows)),
    floatData(await original.predict(new TensorSet(), rows)),
  ];
  const difference = relativeError(found, expected);
  expect(difference).toBeGreaterThan(1e-4);
  expect(difference).toBeLessThan(5e-2);
  await rounded.release();
  await original.release();
});

it('is what a job trains on and says, while its result keeps the weights of the model', async () => {
  const folder = makeTemporaryFolder();
  const job = await makeTinyJob(folder, { adapter: int8, learningRate: 3e-3, steps: 2 });
  // Cancelled after a step, and resumed.
  const past = await runTinyJob(job, folder, [], (event) => event.event === 'progress');
  const later = await runTinyJob(job, folder, past);
  const notices = [...past, ...later].flatMap((event) =>
    event.event === 'notice' && event.message.includes('8 bits') ? [event.message] : [],
  );
  expect(new Set(notices).size).toBe(1);
  expect(notices[0]).toMatch(/rounded to 8 bits, [01]\.\d\d % off/);

  const [before, after] = [await openSafetensors(model), await openSafetensors(job.output)];
  const changed = [];
  for (const name of before.tensors.keys()) {
    const same = Buffer.from(await before.readTensor(name)).equals(await after.readTensor(name));
    if (!same) changed.push(name);
  }
  expect(changed.length).toBeGreaterThan(0);
  expect(changed.every((name) => name.includes('.attn2.to_'))).toBe(true);
  const [name = ''] = changed;
  const difference = relativeError(await after.readFloat32(name), await before.readFloat32(name));
  // A small change of the model's own weights, not of rounded ones.
  expect(difference).toBeLessThan(0.1);
  await before.close();
  await after.close();
});
