import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { fileBytes } from '../checkpoint/safetensors-fixtures.ts';

/** Writes a file that is a whole safetensors file, and differs from others by its name. */
export function writeModel(folder: string, name: string): string {
  const tensor = { dtype: 'F32', shape: [4], data_offsets: [0, 16] };
  const header = { __metadata__: { title: name }, weight: tensor };
  const file = path.join(folder, name);
  writeFileSync(file, fileBytes(header, new Uint8Array(16)));
  return file;
}

/** Cuts off the end of a file, as a copy that was interrupted has it. */
export function truncateModel(file: string): void {
  writeFileSync(file, readFileSync(file).subarray(0, -8));
}

const unetFile = 'unet/diffusion_pytorch_model.safetensors';

/** Whether a host could load it, a file or a diffusers folder. */
export function isLoadable(model: string): boolean {
  try {
    const isFolder = statSync(model).isDirectory();
    const file = isFolder ? path.join(model, unetFile) : model;
    if (isFolder && !existsSync(path.join(model, 'model_index.json'))) return false;
    const bytes = readFileSync(file);
    const headerBytes = Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString()) as Record<
      string,
      { data_offsets?: [number, number] }
    >;
    const ends = Object.values(header).map(({ data_offsets: [, end] = [0, 0] }) => end);
    return bytes.byteLength === 8 + headerBytes + Math.max(...ends);
  } catch {
    return false;
  }
}

export function sha256Of(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
