import path from 'node:path';

import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { copySidecars, missingSidecars } from '../../src/families/single-file/sidecar-files.ts';
import { stableDiffusionFiles } from '../../src/families/stable-diffusion/files.ts';

const tinySd = path.resolve(import.meta.dirname, '../../presets/tiny-sd/tiny-sd.safetensors');
const vaePrefix = 'first_stage_model.';

/** How tensors of tiny-sd are written to another file: null leaves one out. */
type Rewrite = (
  name: string,
  values: Float32Array,
) => { readonly name: string; readonly values: Float32Array } | null;

async function rewrite(target: string, change: Rewrite): Promise<string> {
  const file = await openSafetensors(tinySd);
  const entries = [];
  for (const { name, dtype, shape } of file.tensors.values()) {
    if (dtype === 'I64') continue;
    const written = change(name, await file.readFloat32(name));
    if (!written) continue;
    const elements = () => Promise.resolve(written.values);
    entries.push({ name: written.name, shape, elements });
  }
  await file.close();
  await writeTensorFile(target, entries, {});
  return target;
}

/** tiny-sd without its VAE, with what belongs beside it. */
export async function writeTinyWithoutVae(folder: string): Promise<string> {
  const target = path.join(folder, 'no-vae.safetensors');
  await rewrite(target, (name, values) => (name.startsWith(vaePrefix) ? null : { name, values }));
  await copySidecars(await missingSidecars(await stableDiffusionFiles.sidecars(tinySd, target)));
  return target;
}

/**
 * tiny-sd's VAE alone.
 *
 * @param form how its names begin, and how many times larger its latents are
 */
export function writeTinyVae(
  target: string,
  { prefix = '', latents = 1 }: { readonly prefix?: string; readonly latents?: number } = {},
): Promise<string> {
  return rewrite(target, (name, values) => {
    if (!name.startsWith(vaePrefix)) return null;
    const key = name.slice(vaePrefix.length);
    return { name: prefix + key, values: scaled(key, values, latents) };
  });
}

/** The mean's half of what comes out of the encoder, and what goes into the decoder the other way. */
function scaled(key: string, values: Float32Array, factor: number): Float32Array {
  if (key.startsWith('quant_conv.')) {
    return values.map((value, i) => (i < values.length / 2 ? factor * value : value));
  }
  return key === 'post_quant_conv.weight' ? values.map((value) => value / factor) : values;
}
