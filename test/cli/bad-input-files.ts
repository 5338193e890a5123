import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { crc32, deflateSync } from 'node:zlib';

import { unetShapes } from '../../src/families/stable-diffusion/layout/unet-layout.ts';
import { vaeShapes } from '../../src/families/stable-diffusion/layout/vae-layout.ts';
import {
  parseSafetensorsHeader,
  type TensorInfo,
} from '../../src/checkpoint/safetensors-header.ts';
import { refinerShapes, unet, vae } from '../checkpoint/small-checkpoints.ts';
import { fileBytes, layOut, writeZeros } from '../checkpoint/safetensors-fixtures.ts';

const tinySd = path.resolve(import.meta.dirname, '../../presets/tiny-sd');

/** Copies the model that comes with the program, its config too. */
export function copyTinySd(folder: string): void {
  for (const name of ['tiny-sd.safetensors', 'tiny-sd.yaml', 'tiny-clip']) {
    cpSync(path.join(tinySd, name), path.join(folder, name), { recursive: true });
  }
}

/** Every wrong model, image folder and preset that the tests give to the program. */
export async function writeBadInput(folder: string): Promise<void> {
  copyTinySd(folder);
  const at = (name: string) => path.join(folder, name);
  const model = readFileSync(at('tiny-sd.safetensors'));
  const files: Record<string, string | Buffer> = {
    'page.safetensors': '<!DOCTYPE html><html><title>Access denied</title></html>',
    'empty.safetensors': '',
    'half.safetensors': model.subarray(0, model.length / 2),
    'longer.safetensors': Buffer.concat([model, Buffer.alloc(7)]),
    'absurd-length.safetensors': Buffer.concat([Buffer.alloc(8, 0xff), Buffer.from('{}')]),
    'overlap.safetensors': twoTensors([0, 8], [4, 12], 12),
    'out-of-range.safetensors': twoTensors([0, 8], [8, 16], 8),
    'twice.safetensors': fileBytes(
      `{${entry('a', [0, 8])},${entry('a', [0, 8])}}`,
      new Uint8Array(8),
    ),
    'nan.safetensors': withNan(model),
    'old.ckpt': 'PK\x03\x04',
    'renamed-ckpt.safetensors': 'PK\x03\x04 and more of a zip archive',
    'taken.safetensors': 'someone else’s',
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(at(name), content);
  cpSync(at('tiny-sd.yaml'), at('nan.yaml'));

  const zeros = (name: string, shapes: Parameters<typeof layOut>[0]) =>
    writeZeros(at(`${name}.safetensors`), layOut(shapes));
  await zeros('lora', [['lora_unet_x.lora_down.weight', [4, 320]]]);
  await zeros('vae', withoutPrefix(vaeShapes(vae), 'first_stage_model.'));
  await zeros('no-text-encoder', [...unetShapes(unet), ...vaeShapes(vae)]);
  await zeros('refiner', refinerShapes());

  const picture = png(8, 8);
  writeFolder(at('images-zero-byte'), { '1.png': picture, '2.png': '' });
  writeFolder(at('images-huge'), { '1.png': png(30_000, 30_000) });
  writeFolder(at('images-text'), { '1.png': picture, '2.png': 'this is no picture at all' });
  writeFolder(at('images-stray'), { '1.png': picture, 'notes.md': '# Notes' });
  writeFolder(at('images-no-caption'), { '1.png': picture });
  writeFolder(at('images-none'), {});
  writeFolder(at('data/presets'), { 'broken.yaml': 'name: broken\nforget: []\n' });
}

/**
 * A PNG of which only the size in its header is forged: the pixel data, where they are read, are
 * those of the first rows.
 */
export function png(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const rows = Buffer.alloc(Math.min(height, 8) * (1 + 3 * Math.min(width, 8)));
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(rows)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function pngChunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(content.length, 0);
  chunk.set(body, 4);
  chunk.writeUInt32BE(crc32(body), 4 + body.length);
  return chunk;
}

export function writeFolder(folder: string, files: Record<string, string | Buffer>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(path.join(folder, name), content);
  }
}

function entry(name: string, offsets: readonly [number, number]): string {
  const shape = [(offsets[1] - offsets[0]) / 4];
  return `"${name}":${JSON.stringify({ dtype: 'F32', shape, data_offsets: offsets })}`;
}

function twoTensors(
  first: readonly [number, number],
  second: readonly [number, number],
  dataBytes: number,
): Buffer {
  return fileBytes(`{${entry('a', first)},${entry('b', second)}}`, new Uint8Array(dataBytes));
}

/** The model with one of its UNet's weights made NaN. */
function withNan(model: Buffer): Buffer {
  const headerEnd = 8 + Number(model.readBigUInt64LE(0));
  const { tensors } = parseSafetensorsHeader(model.subarray(8, headerEnd), model.length, 'model');
  const info: TensorInfo = tensors.get('model.diffusion_model.out.2.weight')!;
  const broken = Buffer.from(model);
  broken.writeUInt16LE(0x7e00, info.fileOffset + 2 * 100);
  return broken;
}

function withoutPrefix(shapes: Parameters<typeof layOut>[0], prefix: string) {
  return [...shapes].map(([name, shape]) => [name.replace(prefix, ''), shape] as const);
}
