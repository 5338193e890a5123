import type { ChosenLora } from '../../adapters/low-rank/with-loras.ts';
import type { PicturesWish } from '../../contract/pictures-wish.ts';
import { AppError } from '../../errors.ts';
import type { Checkpoint } from '../../families/checkpoint.ts';
import { wordOf } from '../../tokenizer/learned-words.ts';
import type { Preset } from '../../presets/preset.ts';

type Variables = Readonly<Record<string, string>>;

/** What a model is to be run with besides its own files, as a person asks for it. */
export interface CompanionWishes {
  /** Path of the VAE to be used. Default: the model's own. */
  readonly vae?: string | undefined;
  /** The same for a model that has none. Default: one that lies beside it. */
  readonly vaeIfNone?: string | undefined;
  /** LoRAs that are in the model before anything is forgotten. */
  readonly baseLoras?: readonly ChosenLora[];
  /** Paths of embeddings (textual inversion) whose words are to be forgotten. */
  readonly embeddings?: readonly string[];
}

/** The path of a VAE that is not the model's own. */
export function vaePathOf({ file, codec: { source } }: Checkpoint): string | null {
  return source === null || source.file === file ? null : source.file.path;
}

/**
 * A web UI draws with what it has loaded, which need not be what LoRAs and embeddings make of the model.
 *
 * @throws AppError `settings.invalid` where it shall all the same
 */
export function drawnBy({
  pictures = 'sidecar',
  baseLoras = [],
  embeddings = [],
}: CompanionWishes & { readonly pictures?: PicturesWish }): PicturesWish {
  if (baseLoras.length + embeddings.length === 0) return pictures;
  if (pictures !== 'host') return 'sidecar';
  throw new AppError(
    'settings.invalid',
    'the web UI cannot draw the pictures with the LoRAs and embeddings that are given here. Leave them to this program.',
  );
}

/**
 * What prompts call the words of embeddings.
 *
 * @throws AppError `embedding.invalid` where two files have one name, which prompts could not tell apart
 */
export function learnedNames(embeddings: readonly string[]): readonly string[] {
  const names = embeddings.map(wordOf);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return names;
  throw new AppError(
    'embedding.invalid',
    `two embeddings are called "${twice}", and prompts call them by their names. Rename one of the files.`,
  );
}

/** A preset's only variable that is left open is the word that is to be forgotten. */
export function withWord(
  { variables }: Preset,
  given: Variables,
  words: readonly string[],
): Variables {
  const open = Object.keys(variables).filter((name) => !Object.hasOwn(given, name));
  const [variable, ...others] = open;
  if (variable === undefined || others.length > 0 || words.length === 0) return given;
  return { ...given, [variable]: words.join(' ') };
}
