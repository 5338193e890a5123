import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { decodeFloats, dtypeBytes, encodeFloats } from '../../src/tensor/dtype.ts';
import { fileBytes } from '../checkpoint/safetensors-fixtures.ts';
import { copyTinySd } from '../cli/bad-input-files.ts';

interface HeaderEntry {
  readonly dtype: 'F16';
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** How much of what the second layer adds the third one adds again. */
const share = 0.25;

/**
 * Copies the model that comes with the program, with a third layer in its text encoder that its UNet was not
 * trained with: it is drawn at clip skip 2, and after a fashion at 1.
 *
 * @returns the checkpoint
 */
export function writeClipSkipModel(folder: string): string {
  copyTinySd(folder);
  const file = path.join(folder, 'tiny-sd.safetensors');
  const bytes = readFileSync(file);
  const dataStart = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, dataStart)) as Record<string, HeaderEntry>;
  const added: Uint8Array[] = [];
  let end = bytes.length - dataStart;
  for (const [name, entry] of Object.entries(header)) {
    if (!name.includes('encoder.layers.1.')) continue;
    const { dtype, shape } = entry;
    const [from, to] = entry.data_offsets;
    const values = new Float32Array((to - from) / dtypeBytes(dtype));
    decodeFloats(dtype, bytes.subarray(dataStart + from, dataStart + to), values);
    const ends = /out_proj|fc2/.test(name);
    const data = encodeFloats(dtype, ends ? values.map((value) => share * value) : values);
    const third = name.replace('layers.1.', 'layers.2.');
    header[third] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
    added.push(data);
  }
  writeFileSync(file, fileBytes(header, Buffer.concat([bytes.subarray(dataStart), ...added])));
  const configFile = path.join(folder, 'tiny-clip/config.json');
  const config = JSON.parse(readFileSync(configFile, 'utf8')) as object;
  writeFileSync(configFile, JSON.stringify({ ...config, num_hidden_layers: 3 }));
  return file;
}
