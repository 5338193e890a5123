import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { copyTinySd } from '../cli/bad-input-files.ts';
import { fileBytes } from '../checkpoint/safetensors-fixtures.ts';

/**
 * Copies the model that comes with the program into a folder, with empty tensors that mark what it
 * predicts and with metadata.
 */
export function writeMarkedTinySd(
  folder: string,
  { markers = [], metadata }: { markers?: readonly string[]; metadata?: Record<string, string> },
): string {
  copyTinySd(folder);
  const file = path.join(folder, 'tiny-sd.safetensors');
  const bytes = readFileSync(file);
  const dataStart = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, dataStart)) as Record<string, object>;
  const end = bytes.length - dataStart;
  for (const name of markers) header[name] = { dtype: 'F32', shape: [0], data_offsets: [end, end] };
  if (metadata) header.__metadata__ = metadata;
  writeFileSync(file, fileBytes(header, bytes.subarray(dataStart)));
  return file;
}
