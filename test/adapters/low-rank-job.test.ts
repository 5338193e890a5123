import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { openSafetensors, type SafetensorsFile } from '../../src/checkpoint/safetensors-reader.ts';
import { putOnTop } from '../../src/adapters/low-rank/put-on-top.ts';
import { readLora } from '../../src/adapters/low-rank/read-lora.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { makeTinyJob, runTinyJob } from '../erase/tiny-job.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { maxAbs, relativeError } from '../helpers/relative-error.ts';

const settings = {
  metadata: 'full',
  adapter: { kind: 'lora', rank: 4, convRank: null, basePrecision: 'stored', alpha: 8 },
  ...{ learningRate: 3e-3, steps: 3 },
} as const;

/** SHA-256 of all tensors of a safetensors file, by which web UIs know a LoRA. */
function hashOfTensors(file: string): string {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE());
  return createHash('sha256').update(bytes.subarray(start)).digest('hex');
}

async function open(file: string): Promise<SafetensorsFile> {
  const opened = await openSafetensors(file);
  onTestFinished(() => opened.close());
  return opened;
}

it('a low-rank job writes the merged model and, alone, a LoRA file that makes it', async () => {
  const folder = makeTemporaryFolder();
  const loraOutput = path.join(folder, 'alone.safetensors');
  const job = { ...(await makeTinyJob(folder, { ...settings, output: 'both' })), loraOutput };
  const events = await runTinyJob(job, folder);
  const losses = events.flatMap((event) => (event.event === 'progress' ? [event.forgetLoss!] : []));
  expect(losses).toHaveLength(3);
  const notices = events.flatMap((event) => (event.event === 'notice' ? [event.message] : []));
  expect(notices.join()).toMatch(
    /<lora:alone:1>.*16-bit floats, the checkpoint loses \d+(\.\d+)? %/,
  );

  const lora = await open(loraOutput);
  expect(Object.fromEntries(lora.metadata)).toMatchObject({
    ...{ ss_network_module: 'networks.lora', ss_base_model_version: 'sd_v1', ss_v2: 'False' },
    ...{ ss_network_dim: '4', ss_network_alpha: '8', ss_output_name: 'alone' },
    ...{ 'modelspec.architecture': 'stable-diffusion-v1/lora', 'modelspec.title': 'alone' },
    sshs_model_hash: hashOfTensors(loraOutput),
  });
  const [original, result] = [await open(job.model.path), await open(job.output)];
  const changed = [...original.tensors.keys()].filter((key) => key.includes('.attn2.to_'));
  const layer = 'down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k';
  const tensor = (part: string) => lora.readFloat32(`lora_unet_${layer}.${part}`);
  const [down, up] = [await tensor('lora_down.weight'), await tensor('lora_up.weight')];
  expect(await tensor('alpha')).toEqual(Float32Array.of(8));
  expect(maxAbs(up)).toBeGreaterThan(0);

  const key = 'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight';
  const [outputs = 0, inputs = 0] = original.tensors.get(key)!.shape;
  const weights = await original.readFloat32(key);
  const expected = weights.map((weight, at) => {
    const [o, i] = [Math.floor(at / inputs), at % inputs];
    let change = 0;
    for (let r = 0; r < 4; r++) change += up[o * 4 + r]! * down[r * inputs + i]!;
    return weight + 2 * change;
  });
  expect(up).toHaveLength(outputs * 4);
  // The file holds 16-bit floats.
  expect(relativeError(await result.readFloat32(key), expected)).toBeLessThan(1e-3);
  for (const other of original.tensors.keys()) {
    if (!other.startsWith('model.') || changed.includes(other)) continue;
    expect(await result.readFloat32(other), other).toEqual(await original.readFloat32(other));
  }
});

it('a job for a LoRA file writes nothing else, and is judged with it on top of the original', async () => {
  const folder = makeTemporaryFolder();
  const wanted = { ...settings, output: 'lora', evaluationPictures: 1 } as const;
  const job = await makeTinyJob(folder, wanted);
  const events = await runTinyJob(job, folder);
  const [lora, checkpoint] = [await open(job.output), await openCheckpoint(job.model.path)];
  onTestFinished(() => checkpoint.file.close());
  expect([...lora.tensors.keys()].every((name) => name.startsWith('lora_unet_'))).toBe(true);
  const found = events.find((event) => event.event === 'evaluation');
  expect(found?.evaluation.forget).toBeDefined();

  const atStrengths = (of: typeof events) =>
    of.flatMap((event) =>
      event.event === 'sample' && event.strength !== undefined ? [event] : [],
    );
  const drawn = atStrengths(events);
  expect(drawn.map(({ role, strength, which }) => [role, strength, which])).toEqual(
    [0.5, 1.5].flatMap((strength) =>
      ['forget', 'retain', 'retain'].map((role) => [role, strength, 'after']),
    ),
  );
  const bytes = drawn.map(({ file }) => readFileSync(file));
  expect(new Set(bytes.map(String)).size).toBe(bytes.length);
  expect(String(bytes[0])).toContain('<lora:result:0.5>');
  // Only what is missing is drawn again, and what nobody was told of is told.
  rmSync(drawn[1]!.file);
  const past = events.filter((event) => event !== drawn[0] && event !== drawn[1]);
  const again = (await runTinyJob(job, folder, past)).slice(past.length);
  expect(atStrengths(again).map(({ file }) => file)).toEqual([drawn[0]!.file, drawn[1]!.file]);
  expect(again.filter(({ event }) => event === 'evaluating')).toHaveLength(1);
  expect(readFileSync(drawn[1]!.file).equals(bytes[1]!)).toBe(true);

  const read = await readLora(job.output, checkpoint);
  const names = [...lora.tensors.keys()].filter((name) => name.endsWith('.alpha'));
  expect(read.changes).toHaveLength(names.length);
  const onTop = putOnTop(checkpoint, read, 1.5);
  expect([...onTop.changes!.values()].every(({ rank, scale }) => rank === 4 && scale === 3)).toBe(
    true,
  );
});

it('a low-rank job that was cancelled goes on to the same bytes', async () => {
  const [whole, parts] = [makeTemporaryFolder(), makeTemporaryFolder()];
  const job = await makeTinyJob(whole, settings);
  await runTinyJob(job, whole);
  const again = await makeTinyJob(parts, settings);
  const past = await runTinyJob(again, parts, [], (event) => event.event === 'progress');
  expect(past.filter(({ event }) => event === 'progress')).toHaveLength(1);
  await runTinyJob(again, parts, past);
  const bytes = (folder: string) => readFileSync(path.join(folder, 'result.safetensors'));
  expect(bytes(parts).equals(bytes(whole))).toBe(true);
});

it('of whole weights, too, it is said what rounding takes of the change', async () => {
  const folder = makeTemporaryFolder();
  // A step so small that 16 bits hold little of it.
  const job = await makeTinyJob(folder, { steps: 1, learningRate: 1e-7 });
  const events = await runTinyJob(job, folder);
  const notices = events.flatMap((event) => (event.event === 'notice' ? [event.message] : []));
  expect(notices.join()).toMatch(/loses \d\d+ % .*: erase with "lora" as the result/);
});
