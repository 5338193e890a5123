import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { TensorSource } from '../../src/families/stable-diffusion/layout/named-shapes.ts';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import type { Shape } from '../../src/tensor/shape.ts';
import { writeDiffusersReference } from './diffusers-reference.ts';
import { readGoldenJson, readGoldenTensors } from './golden-tensors.ts';
import { drawWeights, tensorTable } from './model-reference.ts';

type Weight = readonly [
  shape: Shape,
  gradientNorm: number,
  gradientTimesWeight: number,
  diffusersName?: string,
  nameByLevel?: string,
];

interface Facts {
  readonly weight_seed: number;
  readonly timesteps: readonly number[];
  readonly config: object;
  readonly parameters: number;
  readonly weights: Readonly<Record<string, Weight>>;
  readonly shapes: Readonly<Record<string, Shape>>;
}

/** Where a name of a weight is from. */
export type Naming = 'consecutive' | 'by-level' | 'diffusers';

/** A pruned UNet and what diffusers computes with it, which make-pruned.py describes. */
export function readPrunedUnet(name: string) {
  const facts = readGoldenJson(`pruned/${name}.json`) as Facts;
  const read = readGoldenTensors(`pruned/${name}.safetensors`);
  const prefix = 'model.diffusion_model.';
  const nameOf = (key: string, naming: Naming) => {
    const [, , , diffusersName = '', nameByLevel = ''] = facts.weights[key]!;
    if (naming === 'diffusers') return diffusersName;
    return prefix + (naming === 'by-level' ? nameByLevel : key);
  };
  const keys = Object.keys(facts.weights).sort();
  const values = drawWeights(
    facts.weight_seed,
    Object.fromEntries(keys.map((key) => [key, facts.weights[key]![0]])),
  );
  return {
    ...facts,
    tensor: (tensor: string) => Float32Array.from(read(tensor)),
    weights: (naming: Naming) =>
      keys.map((key) => {
        const [shape, gradientNorm, gradientTimesWeight] = facts.weights[key]!;
        const numbers = { shape, gradientNorm, gradientTimesWeight };
        return { name: nameOf(key, naming), values: values.get(key)!, ...numbers };
      }),
    source: (naming: Naming): TensorSource => ({
      path: `${name}.safetensors`,
      tensors: tensorTable(
        Object.fromEntries(keys.map((key) => [nameOf(key, naming), facts.weights[key]![0]])),
      ),
    }),
  };
}

export type PrunedUnet = ReturnType<typeof readPrunedUnet>;

/** Writes a model that diffusers wrote, with a pruned UNet. */
export async function writePrunedFolder(folder: string, pruned: PrunedUnet): Promise<string> {
  await writeDiffusersReference(folder);
  rmSync(path.join(folder, 'unet'), { recursive: true });
  mkdirSync(path.join(folder, 'unet'));
  const config = { _class_name: 'UNet2DConditionModel', ...pruned.config };
  writeFileSync(path.join(folder, 'unet/config.json'), JSON.stringify(config));
  await writeTensorFile(
    path.join(folder, 'unet/diffusion_pytorch_model.safetensors'),
    pruned.weights('diffusers').map(({ name, shape, values }) => ({
      ...{ name, shape },
      elements: () => Promise.resolve(values),
    })),
    { format: 'pt' },
  );
  return folder;
}
