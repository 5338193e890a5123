import {
  meaningOf,
  type PredictionKind,
  quote,
  type Statement,
  truthOf,
  zeroSnrName,
  zeroSnrStatement,
} from './statement.ts';

/** The rest of a statement whose value is `value`. */
type Reader = (value: string, where: string) => Statement[];

const word: Reader = (value, where) => {
  const meaning = meaningOf(value);
  return meaning ? [{ ...meaning, where }] : [];
};

const isV: Reader = (value, where) => {
  const truth = truthOf(value);
  if (truth === null) return [];
  if (truth === 'unknown') return [{ prediction: truth, where }];
  return [{ prediction: truth ? 'v_prediction' : 'epsilon', where }];
};

/** What is in a name of an architecture: `stable-diffusion-v2-768-v`, which others take over. */
const architectures: readonly (readonly [RegExp, PredictionKind])[] = [
  [/flow|rectified|[-_/]rf\b/, 'flow'],
  [/edm|cosxl|playground[-_]v?2\.5|xl[-_]v1[-_]edit/, 'edm'],
  [/768[-_]?v\b|v[-_]?pred/, 'v_prediction'],
  [/v2[-_](512|base)/, 'epsilon'],
];

const architecture: Reader = (value, where) => {
  const found = architectures.find(([pattern]) => pattern.test(value.toLowerCase()));
  return found ? [{ prediction: found[1], where }] : [];
};

const noiseProcess: Reader = (value, where) =>
  /flow/i.test(value) ? [{ prediction: 'flow', where }] : [];

/** `sd_v2_v`: sd-scripts' name of what was trained. */
const baseModel: Reader = (value, where) =>
  /^sd_v[12]_v$/i.test(value.trim()) ? [{ prediction: 'v_prediction', where }] : [];

/**
 * Entries of a file's metadata and how they are read: of Stability AI's ModelSpec, of sd-scripts
 * (`ss_…`), of ComfyUI's savers (`predict_key`) and of trainers that go without a prefix.
 */
const readers: ReadonlyMap<string, Reader> = new Map([
  ['prediction_type', word],
  ['predict_key', word],
  ['parameterization', word],
  ['noise_process', noiseProcess],
  ['architecture', architecture],
  ['v_parameterization', isV],
  ['v_pred', isV],
  ['base_model_version', baseModel],
]);

/** What the metadata of a safetensors file say. */
export function metadataStatements(metadata: ReadonlyMap<string, string>): Statement[] {
  return [...metadata].flatMap(([key, value]) => {
    const where = `${key} ${quote(value)} in its metadata`;
    const name = key.toLowerCase().replace(/^(modelspec\.|ss_)/, '');
    if (zeroSnrName.test(name)) return zeroSnrStatement(value, where);
    return readers.get(name)?.(value, where) ?? [];
  });
}
