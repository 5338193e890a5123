import path from 'node:path';
import { z } from 'zod';

import { readConfigText } from '../../checkpoint/read-text.ts';
import { AppError } from '../../errors.ts';

/** The classes of a classifier and how it wants its pictures. */
export interface Labels {
  /** In the order of its outputs; of several lists, each by its name. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
  /** What is taken off a colour value of 0 to 1, and what it is then divided by: R, G, B. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  /** How a picture is brought to the size that the graph takes. */
  readonly resize: Resize;
}

const resizes = ['cubic', 'align_corners', 'pad'] as const;
/**
 * Scaled in both directions, smoothly or as TensorFlow's `align_corners` does it; or made square with
 * black to its right and below it, as detectors want it that must not see things stretched.
 */
export type Resize = (typeof resizes)[number];

const labelList = z.array(z.string()).min(1).max(100_000);
const colours = z.tuple([z.number(), z.number(), z.number()]);

/** JSON as it is found beside classifiers. */
const labelsSchema = z.union([
  labelList,
  z.object({
    /** One list, or several of a file that serves several classifiers. */
    labels: z.union([labelList, z.record(z.string(), labelList)]).optional(),
    /** `config.json` of transformers. */
    id2label: z.record(z.string().regex(/^\d+$/), z.string()).optional(),
    /** `preprocessor_config.json` of transformers. */
    image_mean: colours.optional(),
    image_std: colours.optional(),
    /** A key of our own. */
    resize: z.enum(resizes).optional(),
  }),
]);

/** Pictures of -1 to 1, where the file does not say otherwise. */
const middle = [0.5, 0.5, 0.5] as const;
const usual = { mean: middle, std: middle, resize: 'cubic' } as const;

/**
 * Reads a classifier's labels: a text with a label a line, or JSON with a list, `{"labels": …}` or
 * transformers' `{"id2label": …}`; `image_mean` and `image_std`, there or in a
 * `preprocessor_config.json` beside it, say how colours are scaled (default: to -1 to 1), `resize` how the
 * picture is (default: `cubic`).
 *
 * @throws AppError `judge.invalid`
 */
export async function readLabels(file: string): Promise<Labels> {
  const text = await readText(file);
  if (path.extname(file).toLowerCase() !== '.json') {
    const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
    if (lines.length === 0) throw invalid(file, 'it is empty');
    return { lists: new Map([['', lines]]), ...usual };
  }
  const parsed = parse(text, file);
  if (Array.isArray(parsed)) return { lists: new Map([['', parsed]]), ...usual };
  const beside = await readConfigText(path.join(path.dirname(file), 'preprocessor_config.json'));
  const scaling = beside === undefined ? {} : parse(beside, 'preprocessor_config.json');
  const {
    image_mean: mean = middle,
    image_std: std = middle,
    resize = 'cubic',
  } = { ...(Array.isArray(scaling) ? {} : scaling), ...parsed };
  return { lists: listsOf(parsed, file), mean, std, resize };
}

type LabelsFile = Exclude<z.infer<typeof labelsSchema>, string[]>;

function listsOf({ labels, id2label }: LabelsFile, file: string): Labels['lists'] {
  if (Array.isArray(labels)) return new Map([['', labels]]);
  if (labels) return new Map(Object.entries(labels));
  if (!id2label) throw invalid(file, 'it has neither "labels" nor "id2label"');
  const entries = Object.entries(id2label).sort(([a], [b]) => Number(a) - Number(b));
  if (entries.some(([id], i) => Number(id) !== i)) {
    throw invalid(file, 'the numbers of "id2label" are not 0, 1, 2, …');
  }
  return new Map([['', entries.map(([, label]) => label)]]);
}

async function readText(file: string): Promise<string> {
  const text = await readConfigText(file);
  if (text === undefined) {
    throw new AppError('judge.invalid', `the labels "${file}" do not exist. Check the path.`);
  }
  return text;
}

function parse(text: string, file: string): z.infer<typeof labelsSchema> {
  try {
    return labelsSchema.parse(JSON.parse(text));
  } catch {
    throw invalid(file, 'its JSON is not one of the forms that are known');
  }
}

function invalid(file: string, detail: string): AppError {
  return new AppError(
    'judge.invalid',
    `the labels "${file}" cannot be read: ${detail}. Give a text with a label a line, or JSON: ["cat", "dog"], {"labels": ["cat", "dog"]} or the config.json of transformers.`,
  );
}
