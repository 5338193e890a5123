import type { TensorStore } from '../../checkpoint/tensor-store.ts';
import { AppError } from '../../errors.ts';
import type { Checkpoint } from '../../families/checkpoint.ts';

/** What trainers call the models that LoRAs are made for, as far as it tells families apart. */
const families: readonly (readonly [RegExp, string])[] = [
  [/xl/i, 'sdxl'],
  [/^sd_?v?2|stable-diffusion-v2/i, 'sd2'],
  [/^sd_?v?1|stable-diffusion-v1/i, 'sd1'],
  [/flux/i, 'flux'],
  [/^sd_?v?3|stable-diffusion-v3/i, 'sd3'],
];

/**
 * Refuses a LoRA that says it was made for a model of another family.
 *
 * @throws AppError `lora.invalid`
 */
export function requireSameBase(
  { metadata }: Pick<TensorStore, 'metadata'>,
  { lora, facts }: Checkpoint,
  name: string,
): void {
  const stated =
    metadata.get('ss_base_model_version') ?? metadata.get('modelspec.architecture') ?? '';
  const made = familyOf(stated);
  const ours = familyOf(lora.metadata.ss_base_model_version ?? '');
  if (made === null || made === ours) return;
  throw new AppError(
    'lora.invalid',
    `LoRA "${name}" was made for "${stated}", and the model is ${facts.title}. Use it with the kind of model that it was made for.`,
  );
}

function familyOf(version: string): string | null {
  return families.find(([pattern]) => pattern.test(version))?.[1] ?? null;
}

/** Names that a message tells one by one. */
const MAX_NAMED = 4;

/** Names of tensors or layers, as a part of a sentence. */
export function describeKeys(names: readonly string[]): string {
  const named = names.slice(0, MAX_NAMED).map((name) => `"${name}"`);
  const more = names.length - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
}
