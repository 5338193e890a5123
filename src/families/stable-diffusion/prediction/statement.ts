import { trainedTitles } from '../../../diffusion/prediction-reading.ts';

/** What a denoiser is trained to give, or the kind of process that it was trained in. */
export type PredictionKind = 'epsilon' | 'v_prediction' | 'sample' | 'edm' | 'flow';

/** Something that says what a model predicts, or how its noise schedule ends. */
export interface Statement {
  /** `unknown`: it is there and says something, but nobody here knows what. */
  readonly prediction?: PredictionKind | 'unknown';
  /** Whether the schedule was rescaled to end in pure noise (Lin et al. 2023, arXiv 2305.08891). */
  readonly zeroTerminalSnr?: boolean;
  /** What says it and where, as a part of a sentence: `parameterization "v" in "model.yaml"`. */
  readonly where: string;
}

/** Each kind as the end of "it predicts …". */
export const kindTitles: Readonly<Record<PredictionKind, string>> = {
  ...trainedTitles,
  sample: 'the clean picture (x0)',
  edm: 'over continuous noise levels (EDM)',
  flow: 'a velocity between picture and noise (rectified flow)',
};

/** What a word means that a file has for the kind of prediction; null for "nothing is said". */
export interface Meaning {
  readonly prediction: PredictionKind | 'unknown';
  /** Where the word says so too: `v_prediction_ztsnr`. */
  readonly zeroTerminalSnr?: true;
}

/** As trainers and web UIs spell them, without case, spaces and punctuation. */
const words: Readonly<Record<PredictionKind, RegExp>> = {
  epsilon: /^(eps|epsilon|noise)(pred|prediction|parameterization)?$/,
  v_prediction: /^(v|velocity)(pred|predict|prediction|param|parameterization)?$/,
  sample: /^(sample|originalsample|x0|xstart|x)(pred|prediction)?$/,
  edm: /edm/,
  flow: /flow|^(rf|const)$/,
};

const silentWords = ['', 'none', 'null', 'unknown', 'auto', 'na', 'undefined', 'default'];

/** The meaning of such a word: `eps`, `v-prediction`, `V_PRED`, `flow_matching`. */
export function meaningOf(value: unknown): Meaning | null {
  if (value === null || value === undefined) return null;
  const plain = textOf(value)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');
  if (silentWords.includes(plain)) return null;
  const word = plain.replace(/(with)?(zt?snr|zero(terminal)?snr)$/, '');
  const kinds = Object.keys(words) as PredictionKind[];
  const prediction = kinds.find((kind) => words[kind].test(word)) ?? 'unknown';
  return word === plain ? { prediction } : { prediction, zeroTerminalSnr: true };
}

/** A yes or no as JSON, YAML or Python's `str` writes it; null for none, `unknown` for others. */
export function truthOf(value: unknown): boolean | 'unknown' | null {
  if (value === null || value === undefined) return null;
  const plain = textOf(value).trim().toLowerCase();
  if (['true', '1', '1.0', 'yes', 'on'].includes(plain)) return true;
  if (['false', '0', '0.0', 'no', 'off'].includes(plain)) return false;
  return silentWords.includes(plain) ? null : 'unknown';
}

/** What a yes-or-no setting says of the end of the schedule. */
export function zeroSnrStatement(value: unknown, where: string): Statement[] {
  const truth = truthOf(value);
  if (truth === null) return [];
  return [truth === 'unknown' ? { prediction: truth, where } : { zeroTerminalSnr: truth, where }];
}

/** The names that settings of this kind have in configs and metadata. */
export const zeroSnrName = /^(use_|enforce_|is_|rescale_(betas_)?)?(zt?snr|zero_(terminal_)?snr)$/;

/** A value from a file, short enough to be shown. */
export function quote(value: unknown): string {
  return JSON.stringify(textOf(value).slice(0, 80));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}
