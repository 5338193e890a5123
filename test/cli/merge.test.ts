import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { callCli, parseEvents } from '../helpers/run-cli.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const model = path.resolve('presets/tiny-sd/tiny-sd.safetensors');
const key = 'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight';
const layer = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k';

/** A LoRA that adds 2·1·0.5 to every entry of one weight [64, 64], at α = 2 and rank 1. */
async function writeLora(folder: string): Promise<string> {
  const file = path.join(folder, 'less.safetensors');
  const filled = (value: number, length: number) => () =>
    Promise.resolve(new Float32Array(length).fill(value));
  await writeTensorFile(
    file,
    [
      { name: `${layer}.alpha`, shape: [], elements: filled(2, 1) },
      { name: `${layer}.lora_down.weight`, shape: [1, 64], elements: filled(0.5, 64) },
      { name: `${layer}.lora_up.weight`, shape: [64, 1], elements: filled(1, 64) },
    ],
    { ss_output_name: 'less of it' },
  );
  return file;
}

it('a LoRA is merged at a strength, at strength 0 not at all', async () => {
  const folder = makeTemporaryFolder();
  const lora = await writeLora(folder);
  const call = async (strength: string, out: string) => {
    const args = ['merge', '--model', model, '--lora', lora, '--strength', strength, '--json'];
    const { status, stdout } = await callCli([...args, '--out', path.join(folder, out)], folder);
    expect(status).toBe(0);
    return parseEvents(stdout);
  };
  const none = await call('0', 'none.safetensors');
  expect(none.at(-1)).toMatchObject({
    event: 'done',
    output: path.join(folder, 'none.safetensors'),
  });
  const original = readFileSync(model);
  expect(readFileSync(path.join(folder, 'none.safetensors')).equals(original)).toBe(true);
  expect(existsSync(path.join(folder, 'none.yaml'))).toBe(true);

  const [notice] = await call('-0.5', 'half.safetensors');
  expect(notice).toMatchObject({
    event: 'notice',
    message: expect.stringMatching(/16-bit floats, the checkpoint loses 0\.0\d+ %/) as string,
  });
  const [before, after] = await Promise.all(
    [model, path.join(folder, 'half.safetensors')].map(openSafetensors),
  );
  const [whole, changed] = [await before!.readFloat32(key), await after!.readFloat32(key)];
  for (const [i, value] of changed.entries()) expect(value).toBeCloseTo(whole[i]! - 0.5, 2);
  for (const name of before!.tensors.keys()) {
    if (name === key) continue;
    expect(Buffer.from(await after!.readTensor(name)).equals(await before!.readTensor(name))).toBe(
      true,
    );
  }
  const entry = JSON.parse(after!.metadata.get('erase_concept')!) as object;
  expect(entry).toMatchObject({ method: 'merge', lora: 'less of it', strength: -0.5 });
  await before!.close();
  await after!.close();
});

it('a strength without a LoRA, and one that fits nothing, are refused', async () => {
  const folder = makeTemporaryFolder();
  const sample = ['sample', '--model', model, '--prompt', 'a', '--out', 'pictures'];
  const strength = await callCli([...sample, '--strength', '0.5'], folder);
  expect(strength.status).toBe(2);
  expect(strength.stderr).toMatch(/--lora FILE/);
  const noLora = await callCli([...sample, '--lora', model], folder);
  expect(noLora.status).toBe(3);
  expect(noLora.stderr).toMatch(/this is no LoRA file/);
  expect(existsSync(path.join(folder, 'pictures'))).toBe(false);
});

it('pictures are drawn with a LoRA on top, whose strength stands in their settings', async () => {
  const folder = makeTemporaryFolder();
  const lora = await writeLora(folder);
  const sample = ['sample', '--model', model, '--prompt', 'a star', '--steps', '2', '--out', '.'];
  const { status } = await callCli([...sample, '--lora', lora, '--strength', '1.5'], folder);
  expect(status).toBe(0);
  const png = readFileSync(path.join(folder, '0-0.png'));
  expect(png.includes('a star <lora:less of it:1.5>')).toBe(true);
});
