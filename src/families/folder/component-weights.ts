import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import { AppError } from '../../errors.ts';
import { readJsonConfig } from '../../checkpoint/json-config.ts';

/** One of a model's parts that has weights: its folder, and how their files are called in there. */
export interface Component {
  /** Within the model's; empty for one that lies in the model's folder itself. */
  readonly folder: string;
  readonly stem: string;
}

/** Where a component's weights are: one file or several, which an index lists. */
export interface WeightFiles {
  /** Paths within the model's folder. */
  readonly shards: readonly string[];
  readonly index: string | null;
}

/** SDXL's UNet in float32 has two; nobody divides 10 GB into more. */
const MAX_SHARDS = 64;

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** Of the variants of the same weights, what diffusers takes unless it is told otherwise goes first. */
const preferredVariants = ['', 'fp16'];

/**
 * The safetensors files of a component, of its plain variant or else another.
 * (huggingface/diffusers, src/diffusers/utils/constants.py and models/model_loading_utils.py)
 *
 * @throws AppError `checkpoint.not-safetensors` if there are only pickles, `checkpoint.damaged` if there
 *   is nothing or a file that the index lists is not there, `checkpoint.config`
 */
export async function findWeightFiles(
  modelFolder: string,
  component: Component,
): Promise<WeightFiles> {
  const names = await readdir(path.join(modelFolder, component.folder)).catch(() => []);
  const found = names.flatMap((name) => describe(name, component) ?? []).sort(byPreference);
  const [best] = found;
  if (!best) throw noWeights(modelFolder, component, names);
  const within = (name: string) => path.join(component.folder, name);
  if (!best.isIndex) return { shards: [within(best.name)], index: null };
  const index = within(best.name);
  const shards = await readIndex(path.join(modelFolder, index), new Set(names));
  return { shards: shards.map(within), index };
}

interface Candidate {
  readonly name: string;
  readonly variant: string;
  readonly isIndex: boolean;
}

/** `STEM[.VARIANT].safetensors`, or the index of one in several files. */
function describe(name: string, { stem }: Component): Candidate | null {
  const [start, ...rest] = name.split('.');
  if (start !== stem) return null;
  const isIndex = rest[0] === 'safetensors' && rest[1] === 'index' && rest.at(-1) === 'json';
  const variants = isIndex ? rest.slice(2, -1) : rest.slice(0, -1);
  const isFile = rest.at(-1) === 'safetensors';
  if ((!isIndex && !isFile) || variants.length > 1) return null;
  const [variant = ''] = variants;
  // A part of several: `fp16-00001-of-00002`.
  return /-\d+-of-\d+$/.test(variant) ? null : { name, variant, isIndex };
}

function byPreference(a: Candidate, b: Candidate): number {
  const rank = ({ variant }: Candidate) => {
    const place = preferredVariants.indexOf(variant);
    return place < 0 ? preferredVariants.length : place;
  };
  // Where both are, diffusers goes by the index.
  return rank(a) - rank(b) || Number(b.isIndex) - Number(a.isIndex) || (a.name < b.name ? -1 : 1);
}

async function readIndex(indexPath: string, present: ReadonlySet<string>): Promise<string[]> {
  const index = await readJsonConfig(indexPath, indexSchema, 'an index of weights');
  const shards = [...new Set(Object.values(index?.weight_map ?? {}))].sort();
  if (shards.length === 0 || shards.length > MAX_SHARDS) {
    throw damagedIndex(
      indexPath,
      `it lists ${shards.length} files, where 1 to ${MAX_SHARDS} are expected`,
    );
  }
  for (const shard of shards) {
    const quoted = JSON.stringify(shard.slice(0, 120));
    // A name and nothing else: a path would lead out of the folder.
    if (!/^[\w-][\w.-]*\.safetensors$/.test(shard)) {
      throw damagedIndex(indexPath, `it lists ${quoted}, which is no .safetensors file beside it`);
    }
    if (!present.has(shard))
      throw damagedIndex(indexPath, `it lists ${quoted}, which is not there`);
  }
  return shards;
}

function damagedIndex(indexPath: string, detail: string): AppError {
  return new AppError(
    'checkpoint.damaged',
    `the index "${indexPath}" is damaged: ${detail}. Copy or download the model's folder again.`,
  );
}

function noWeights(
  modelFolder: string,
  { folder, stem }: Component,
  names: readonly string[],
): AppError {
  const where = path.join(modelFolder, folder);
  const pickle = names.find((name) => /\.(bin|pt|pth|ckpt)$/i.test(name));
  if (pickle !== undefined) {
    return new AppError(
      'checkpoint.not-safetensors',
      `"${where}" has its weights only as "${pickle}", which can run code when it is loaded, so it is not opened here. Download the model's .safetensors files, or load it with diffusers and write it with save_pretrained(…, safe_serialization=True).`,
    );
  }
  return new AppError(
    'checkpoint.damaged',
    `"${where}" has no weights ("${stem}.safetensors"). Use a complete copy of the model.`,
  );
}
