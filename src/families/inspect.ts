import path from 'node:path';

import { elementCount } from '../tensor/shape.ts';
import { type Architecture, readArchitecture } from './stable-diffusion/architecture.ts';
import { configOf } from './stable-diffusion/family.ts';
import { clipTextShapes } from './stable-diffusion/layout/clip-text-layout.ts';
import { type NamedShape, type TensorSource } from './stable-diffusion/layout/named-shapes.ts';
import { unetShapes } from './stable-diffusion/layout/unet-layout.ts';
import { vaeShapes } from './stable-diffusion/layout/vae-layout.ts';
import { copiesLeftOut, type ModelFiles, openModelFiles } from './model-files.ts';
import type { PredictionWish } from './stable-diffusion/prediction/reading.ts';
import { readProvenance } from '../checkpoint/provenance.ts';
import { type OtherFamily, recognize } from './stable-diffusion/recognize.ts';
import type { VersionId } from './stable-diffusion/version.ts';

/** One of the models in a checkpoint. */
export interface PartDescription {
  readonly parameters: number;
  readonly bytes: number;
  /** Data types of its tensors: `F16`, or several where they differ. */
  readonly precisions: readonly string[];
}

/** What `inspect` tells of a file; plain data for JSON. */
export interface CheckpointDescription {
  readonly file: string;
  readonly bytes: number;
  readonly tensorCount: number;
  readonly family: VersionId | OtherFamily;
  readonly precisions: readonly string[];
  /** Parameters of all tensors, EMA copies included. */
  readonly parameters: number;
  /** Null where the file is no whole checkpoint. */
  readonly parts: {
    readonly unet: PartDescription;
    readonly textEncoders: readonly PartDescription[];
    /** Null where it has none: erasing takes one from elsewhere. */
    readonly vae: PartDescription | null;
  } | null;
  readonly architecture: Omit<Architecture, 'family' | 'refusal'> | null;
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
    const recognition = recognize(file.tensors);
    if (recognition.kind === 'checkpoint') return await describeCheckpoint(file, prediction);
    return {
      ...describeFile(file),
      family: recognition.family,
      parts: null,
      architecture: null,
      configFile: null,
      erasing: { supported: false, reason: `the file ${recognition.explanation}.` },
    };
  } finally {
    await file.close();
  }
}

async function describeCheckpoint(
  file: ModelFiles,
  prediction: PredictionWish | undefined,
): Promise<CheckpointDescription> {
  const ldmConfig = await configOf(file);
  const { family, refusal, ...architecture } = await readArchitecture(file, ldmConfig, prediction);
  return {
    ...describeFile(file),
    family,
    parts: {
      unet: describePart(file, unetShapes(architecture.unet)),
      textEncoders: architecture.textEncoders.map((encoder) =>
        describePart(file, clipTextShapes(encoder)),
      ),
      vae: architecture.vae && describePart(file, vaeShapes(architecture.vae)),
    },
    architecture,
    configFile: ldmConfig ? path.relative(configFolder(file), ldmConfig.path) : null,
    erasing: { supported: refusal === null, reason: refusal },
  };
}

/** The folder that a model's config is looked for in. */
function configFolder({ layout, path: modelPath }: ModelFiles): string {
  return layout === 'diffusers' ? modelPath : path.dirname(modelPath);
}

function describeFile(file: ModelFiles) {
  const unetCopies = copiesLeftOut(file);
  const infos = [...file.tensors.values()];
  return {
    file: path.basename(file.path),
    bytes: file.fileBytes,
    tensorCount: infos.length,
    precisions: sortedByUse(infos),
    parameters: infos.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    hasEma: unetCopies.some((name) => /(^|[^a-z])ema([^a-z]|$)/i.test(name)),
    unetCopies,
    eraseConcept: readProvenance(file.metadata),
  };
}

function describePart(source: TensorSource, shapes: Iterable<NamedShape>): PartDescription {
  const infos = [...shapes].flatMap(([name]) => source.tensors.get(name) ?? []);
  return {
    parameters: infos.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    bytes: infos.reduce((sum, { byteLength }) => sum + byteLength, 0),
    precisions: sortedByUse(infos),
  };
}

/** Data types, the one with most bytes first. */
function sortedByUse(infos: readonly { dtype: string; byteLength: number }[]): string[] {
  const bytes = new Map<string, number>();
  for (const { dtype, byteLength } of infos) {
    bytes.set(dtype, (bytes.get(dtype) ?? 0) + byteLength);
  }
  return [...bytes].sort(([, a], [, b]) => b - a).map(([dtype]) => dtype);
}
