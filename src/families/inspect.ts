import path from 'node:path';

import type { PredictionWish } from '../diffusion/prediction-reading.ts';
import { elementCount } from '../tensor/shape.ts';
import { readProvenance } from '../checkpoint/provenance.ts';
import { type ModelDescription, precisionsByUse } from './model-description.ts';
import type { ModelFiles } from './model-files.ts';
import { copiesLeftOut, openModelFiles } from './open-model-files.ts';
import { describeOtherFile } from './other-files.ts';
import { findFamily } from './registry.ts';

/** What `inspect` tells of a file; plain data for JSON. */
export interface CheckpointDescription {
  readonly file: string;
  readonly bytes: number;
  readonly tensorCount: number;
  /** The version of its family, or what it is instead: `sdxl`, `lora`. */
  readonly family: string;
  readonly precisions: readonly string[];
  /** Parameters of all tensors, EMA copies included. */
  readonly parameters: number;
  /** Null where the file is no whole checkpoint. */
  readonly parts: ModelDescription['parts'] | null;
  readonly architecture: ModelDescription['architecture'] | null;
  /** The LDM config beside it, if there is one; in a folder, the UNet's config. */
  readonly configFile: string | null;
  readonly hasEma: boolean;
  /** What an erasure leaves out, as it would still draw the concept: `model_ema.*`, or a folder's files. */
  readonly unetCopies: readonly string[];
  /** How it was made, if it is a scrubbed model. */
  readonly eraseConcept: Readonly<Record<string, unknown>> | null;
  readonly erasing: { readonly supported: boolean; readonly reason: string | null };
}

/**
 * Describes a model file or a diffusers folder from headers and configs; of weights no more is read
 * than tells what the model predicts.
 *
 * @param prediction what the person says that it predicts; undefined leaves it to its files
 * @throws AppError `checkpoint.not-found`, `checkpoint.not-safetensors`, `checkpoint.damaged`,
 *   `checkpoint.config`; `model.unsupported` for a checkpoint whose layers have an unknown form, for one
 *   that predicts what nothing here trains, and for a folder of another family
 */
export async function inspectCheckpoint(
  modelPath: string,
  prediction?: PredictionWish,
): Promise<CheckpointDescription> {
  const file = await openModelFiles(modelPath);
  try {
    const family = findFamily(file.tensors);
    if (!family) return describeOther(file);
    const { refusal, ...model } = await family.describe(file, prediction);
    const erasing = { supported: refusal === null, reason: refusal };
    return { ...describeFile(file), ...model, erasing };
  } finally {
    await file.close();
  }
}

function describeOther(file: ModelFiles): CheckpointDescription {
  const { family, explanation } = describeOtherFile(file.tensors);
  return {
    ...describeFile(file),
    family,
    parts: null,
    architecture: null,
    configFile: null,
    erasing: { supported: false, reason: `the file ${explanation}.` },
  };
}

function describeFile(file: ModelFiles) {
  const unetCopies = copiesLeftOut(file);
  const infos = [...file.tensors.values()];
  return {
    file: path.basename(file.path),
    bytes: file.fileBytes,
    tensorCount: infos.length,
    precisions: precisionsByUse(infos),
    parameters: infos.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    hasEma: unetCopies.some((name) => /(^|[^a-z])ema([^a-z]|$)/i.test(name)),
    unetCopies,
    eraseConcept: readProvenance(file.metadata),
  };
}
