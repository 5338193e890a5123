import path from 'node:path';

import { openTensors } from '../../checkpoint/open-tensors.ts';
import type { TensorStore } from '../../checkpoint/tensor-store.ts';
import { AppError } from '../../errors.ts';
import { isFloatDtype } from '../../tensor/dtype.ts';
import { wordOf } from '../../tokenizer/learned-words.ts';
import type { Architecture } from './architecture.ts';
import { versionOf } from './version.ts';

/** A word that was learnt (textual inversion), as a model's text encoders take it. */
export interface LearnedWord {
  /** How prompts call it. */
  readonly name: string;
  /** For each text encoder the rows that stand in the place of its tokens: float32 [rows, C]. */
  readonly vectors: readonly Float32Array[];
  readonly rows: number;
}

/** More vectors than a chunk of a prompt has places for. */
const MAX_ROWS = 75;

/** What files call the vectors of SDXL's two text encoders. */
const ofSdxl = [
  ['clip_l', 'clip_g'],
  ['text_encoders_0', 'text_encoders_1'],
] as const;

/** What they call those of the only one; a key in angle brackets is the word, as diffusers has it. */
const ofOne = /^(emb_params|string_to_param\.(.+)|<.+>)$/;

/**
 * Reads an embedding (textual inversion) of AUTOMATIC1111, kohya's trainers, ComfyUI or diffusers for a model.
 *
 * @throws AppError `embedding.invalid` for a file that is none, or one for another kind of model;
 *   `checkpoint.*` as any file
 */
export async function readLearnedWord(
  file: string,
  architecture: Architecture,
): Promise<LearnedWord> {
  const store = await openTensors(file);
  try {
    const keys = findKeys(store);
    const widths = architecture.textEncoders.map(({ hiddenSize }) => hiddenSize);
    const sizes = keys.map((key) => sizeOf(store, key));
    const given = sizes.map(({ width }) => width);
    if (given.join() !== widths.join()) throw otherKind(file, given, architecture);
    const [rows = 0, ...otherRows] = sizes.map((size) => size.rows);
    if (rows < 1 || rows > MAX_ROWS || otherRows.some((count) => count !== rows)) {
      throw invalid(
        file,
        `has ${sizes.map((size) => size.rows).join(' and ')} vectors, where 1 to ${MAX_ROWS} fit`,
      );
    }
    const vectors: Float32Array[] = [];
    for (const key of keys) vectors.push(await store.readFloat32(key));
    if (vectors.some((values) => !values.every(Number.isFinite))) {
      throw invalid(file, 'holds NaN or infinity: it is damaged');
    }
    return { name: wordOf(file), vectors, rows };
  } finally {
    await store.close();
  }
}

/** The rows of all words for one of the text encoders, in the order of their ids. */
export function rowsOf(
  { words }: { readonly words: readonly LearnedWord[] },
  encoder: number,
): Float32Array[] {
  return words.flatMap(({ vectors }) => vectors[encoder] ?? []);
}

/** The tensors of the word, in the order of the text encoders. */
function findKeys({ path: file, tensors }: TensorStore): readonly string[] {
  const names = [...tensors.keys()];
  const pair = ofSdxl.find((keys) => keys.every((key) => tensors.has(key)));
  if (pair) return pair;
  const [one, ...more] = names.filter((name) => ofOne.test(name));
  if (more.length > 0) {
    throw invalid(file, `holds several words (${names.join(', ')}), where a file has one`);
  }
  if (one !== undefined) return [one];
  const [found = 'nothing'] = names;
  throw invalid(file, `is no embedding (textual inversion): it holds "${found.slice(0, 80)}"`);
}

/** Of one vector [C], or several [rows, C]. */
function sizeOf(
  { path: file, tensors }: TensorStore,
  key: string,
): { rows: number; width: number } {
  const { shape = [], dtype = 'BOOL' } = tensors.get(key) ?? {};
  const [width = 0, rows = 1, ...others] = shape.toReversed();
  if (others.length > 0 || !isFloatDtype(dtype)) {
    throw invalid(file, `has ${dtype} [${shape.join(', ')}] as "${key}", which are no vectors`);
  }
  return { rows, width };
}

/** For which models embeddings of these widths are. */
const kinds: Readonly<Record<string, string>> = {
  '768': 'SD 1.x',
  '1024': 'SD 2.x',
  '768,1280': 'SDXL',
};

function otherKind(file: string, given: readonly number[], { family, textEncoders }: Architecture) {
  const kind = kinds[given.join()];
  const widths = textEncoders.map(({ hiddenSize }) => hiddenSize).join(' and ');
  const whose = kind === undefined ? '' : `, as those for ${kind}`;
  return invalid(
    file,
    `has vectors of ${given.join(' and ')} numbers${whose}, and this model (${versionOf(family).title}) takes ${widths}`,
  );
}

function invalid(file: string, problem: string): AppError {
  return new AppError(
    'embedding.invalid',
    `the embedding "${path.basename(file)}" ${problem}. Give one that was made for this kind of model.`,
  );
}
