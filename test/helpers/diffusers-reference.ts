import { cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';

import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import type { Shape } from '../../src/tensor/shape.ts';
import { readGoldenJson, readGoldenTensors } from './golden-tensors.ts';
import { drawWeights } from './model-reference.ts';

const recorded = path.resolve(import.meta.dirname, '../golden/diffusers');

/** What diffusers computed with its model, which make-diffusers.py describes. */
export function readDiffusersReference() {
  const { shapes } = readFacts();
  const read = readGoldenTensors('diffusers/tiny.safetensors');
  return {
    tensor: (name: string) => Float32Array.from(read(name)),
    shape: (name: string): Shape => shapes[name]!,
  };
}

/** Writes the model that diffusers wrote: its own configs, index and files of weights. */
export async function writeDiffusersReference(folder: string): Promise<string> {
  cpSync(path.join(recorded, 'tiny'), folder, { recursive: true });
  const { weight_seed: seed, weights } = readFacts();
  for (const component of ['unet', 'vae', 'text_encoder']) {
    const files = Object.entries(weights).filter(([name]) => name.startsWith(`${component}/`));
    const all = Object.fromEntries(files.flatMap(([, shapes]) => Object.entries(shapes)));
    const values = drawWeights(seed, all);
    for (const [name, shapes] of files) {
      const entries = Object.entries(shapes).map(([key, shape]) => ({
        name: key,
        shape,
        elements: () => Promise.resolve(values.get(key)!),
      }));
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      await writeTensorFile(path.join(folder, name), entries, { format: 'pt' });
    }
  }
  return folder;
}

interface Facts {
  readonly weight_seed: number;
  /** Names and shapes by file. */
  readonly weights: Readonly<Record<string, Readonly<Record<string, Shape>>>>;
  readonly shapes: Readonly<Record<string, Shape>>;
}

function readFacts(): Facts {
  return readGoldenJson('diffusers/tiny.json') as Facts;
}
