import path from 'node:path';

import { openSafetensors, type SafetensorsFile } from '../../checkpoint/safetensors-reader.ts';
import { withoutModelEnding } from '../../checkpoint/model-ending.ts';
import { readProvenance } from '../../checkpoint/provenance.ts';
import { elementAt } from '../../element-at.ts';
import { AppError } from '../../errors.ts';
import type { Checkpoint } from '../../families/checkpoint.ts';
import type { LoraTarget, ScaledFactors } from '../../families/family.ts';
import { elementCount, type Shape } from '../../tensor/shape.ts';
import { describeKeys, requireSameBase } from './lora-fit.ts';
import { otherFormOf, parseLoraKey } from './lora-keys.ts';
import { readPeftScale } from './peft-scale.ts';

/** A LoRA file as it changes a checkpoint. */
export interface Lora {
  /** What web UIs call it. */
  readonly title: string;
  /** How it was made, where this program did. */
  readonly provenance: Readonly<Record<string, unknown>> | null;
  readonly changes: readonly LoraChange[];
}

/** The change of one layer, counted once. */
export interface LoraChange extends LoraTarget {
  readonly factors: ScaledFactors;
}

/** The tensors of one layer, by what they are. */
interface LayerKeys {
  readonly down?: string;
  readonly up?: string;
  readonly alpha?: string;
}

/**
 * Reads a LoRA file of kohya's trainers, diffusers or peft for a checkpoint, all of it into memory.
 *
 * @throws AppError `lora.invalid` for a file that is none, of another form (LoHa, DoRA, …), for another
 *   kind of model, or with layers that the checkpoint does not have; `checkpoint.*` as any file
 */
export async function readLora(loraPath: string, checkpoint: Checkpoint): Promise<Lora> {
  const file = await openSafetensors(loraPath);
  try {
    const name = path.basename(loraPath);
    const layers = layersOf(file, name);
    requireSameBase(file, checkpoint, name);
    const targets = checkpoint.lora.targets();
    const unknown = [...layers.keys()].filter((layer) => !findTarget(targets, layer));
    if (unknown.length > 0) {
      const all = unknown.length === layers.size ? 'none' : 'not all';
      throw new AppError(
        'lora.invalid',
        `LoRA "${name}": ${all} of its layers are layers of this model, which lacks ${describeKeys(unknown)}. Use the LoRA with the kind of model that it was made for.`,
      );
    }
    const scaleOf = await readPeftScale(file);
    const changes: LoraChange[] = [];
    for (const [layer, keys] of layers) {
      const target = findTarget(targets, layer);
      if (target)
        changes.push(await readChange({ file, name, layer, scaleOf }, keys, target, checkpoint));
    }
    const title = file.metadata.get('ss_output_name') ?? withoutModelEnding(name);
    return { title, provenance: readProvenance(file.metadata), changes };
  } finally {
    await file.close();
  }
}

/** A LoRA's changes, each counted `strength` times. */
export function countedChanges({ changes }: Lora, strength: number): LoraChange[] {
  return changes.map(({ factors, ...target }) => ({
    ...target,
    factors: { ...factors, scale: strength * factors.scale },
  }));
}

/** SDXL has two text encoders, of which diffusers calls the first by no number. */
function findTarget(targets: ReadonlyMap<string, LoraTarget>, layer: string) {
  return (
    targets.get(layer) ??
    targets.get(layer.replace(/^te_/, 'te1_')) ??
    targets.get(layer.replace(/^te1_/, 'te_'))
  );
}

/** @throws AppError `lora.invalid` */
function layersOf({ tensors }: SafetensorsFile, file: string): Map<string, LayerKeys> {
  const layers = new Map<string, LayerKeys>();
  const unknown: string[] = [];
  for (const name of tensors.keys()) {
    const form = otherFormOf(name);
    if (form !== null) {
      throw new AppError(
        'lora.invalid',
        `LoRA "${file}": "${name}" is of the form ${form}; only LoRA and LoCon (lora_down, lora_up) are read. Merge it with the program that made it.`,
      );
    }
    const key = parseLoraKey(name);
    if (key) layers.set(key.layer, { ...layers.get(key.layer), [key.part]: name });
    else unknown.push(name);
  }
  if (unknown.length > 0) {
    const isNone = layers.size === 0;
    throw new AppError(
      'lora.invalid',
      `LoRA "${file}": ${describeKeys(unknown)} ${unknown.length === 1 ? 'is' : 'are'} no part of a low-rank change${isNone ? ', so this is no LoRA file' : ''}. Use a file of kohya's trainers, diffusers or peft.`,
    );
  }
  if (layers.size === 0) throw new AppError('lora.invalid', `LoRA "${file}" holds no tensors.`);
  return layers;
}

interface LayerPlace {
  readonly file: SafetensorsFile;
  readonly name: string;
  readonly layer: string;
  readonly scaleOf: (layer: string, rank: number) => number;
}

async function readChange(
  { file, name, layer, scaleOf }: LayerPlace,
  { down, up, alpha }: LayerKeys,
  target: LoraTarget,
  checkpoint: Checkpoint,
): Promise<LoraChange> {
  if (down === undefined || up === undefined) {
    throw new AppError(
      'lora.invalid',
      `LoRA "${name}": layer "${layer}" lacks its ${down === undefined ? 'lora_down' : 'lora_up'} half, so the file is incomplete. Get it again.`,
    );
  }
  const shapeOf = (key: string): Shape => file.tensors.get(key)?.shape ?? [];
  const rank = shapeOf(down)[0] ?? 0;
  requireFit(name, layer, {
    rank,
    down: shapeOf(down),
    up: shapeOf(up),
    weight: weightShape(checkpoint, target),
  });
  const scale =
    alpha === undefined
      ? scaleOf(layer, rank)
      : elementAt([...(await file.readFloat32(requireNumber(file, alpha)))], 0) / rank;
  const factors = {
    ...{ rank, scale },
    down: await file.readFloat32(down),
    up: await file.readFloat32(up),
  };
  return { ...target, factors };
}

/** @throws AppError `lora.invalid` where a tensor that should hold one number holds none, or several */
function requireNumber({ path: file, tensors }: SafetensorsFile, name: string): string {
  const shape = tensors.get(name)?.shape ?? [];
  if (elementCount(shape) === 1) return name;
  throw new AppError(
    'lora.invalid',
    `LoRA "${path.basename(file)}": "${name}" should be one number, but has the shape [${shape.join(', ')}]. Get the file again.`,
  );
}

function weightShape({ file }: Checkpoint, { tensor, rows }: LoraTarget): Shape {
  const [outputs = 0, ...rest] = file.tensors.get(tensor)?.shape ?? [];
  return [rows?.count ?? outputs, ...rest];
}

interface FactorShapes {
  readonly rank: number;
  readonly down: Shape;
  readonly up: Shape;
  readonly weight: Shape;
}

/** @throws AppError `lora.invalid` where the product of the factors is no change of the weight */
function requireFit(
  name: string,
  layer: string,
  { rank, down, up, weight: [outputs = 0, ...inputs] }: FactorShapes,
): void {
  const fits =
    rank > 0 &&
    elementCount(down) === rank * elementCount(inputs) &&
    elementCount(up) === outputs * rank;
  if (fits) return;
  const shape = (of: Shape) => `[${of.join(', ')}]`;
  throw new AppError(
    'lora.invalid',
    `LoRA "${name}": layer "${layer}" changes a weight by ${shape(up)} · ${shape(down)}, but this model's is ${shape([outputs, ...inputs])}: the LoRA was made for another kind of model. Use it with that one.`,
  );
}
