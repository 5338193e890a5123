import { cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';

import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import type { Shape } from '../../src/tensor/shape.ts';
import { readGoldenJson, readGoldenTensors } from './golden-tensors.ts';
import { drawWeights } from './model-reference.ts';

const recorded = path.resolve(import.meta.dirname, '../golden/diffusers');

/** A model that diffusers wrote: make-diffusers.py describes the first, make-diffusers-families.py the others. */
type ReferenceName = 'tiny' | 'tiny-v2' | 'tiny-xl';

/** What diffusers computed with its model. */
export function readDiffusersReference(model: ReferenceName = 'tiny') {
  const { shapes, weights: _, ...facts } = readFacts(model);
  const read = readGoldenTensors(`diffusers/${model}.safetensors`);
  return {
    facts,
    tensor: (name: string) => Float32Array.from(read(name)),
    shape: (name: string): Shape => shapes[name]!,
  };
}

/** Writes the model that diffusers wrote: its own configs, index and files of weights. */
export async function writeDiffusersReference(
  folder: string,
  model: ReferenceName = 'tiny',
): Promise<string> {
  cpSync(path.join(recorded, model), folder, { recursive: true });
  const { weight_seed: seed, weights } = readFacts(model);
  const components = new Set(Object.keys(weights).map((name) => name.split('/')[0]!));
  for (const component of components) {
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
  readonly prompt: string;
  readonly height: number;
  readonly width: number;
  readonly steps: number;
  readonly guidance: number;
  readonly noise_seed: number;
}

function readFacts(model: ReferenceName): Facts {
  return readGoldenJson(`diffusers/${model}.json`) as Facts;
}
