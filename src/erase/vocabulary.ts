import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import type { Checkpoint } from '../families/checkpoint.ts';
import { readConfigText } from '../checkpoint/read-text.ts';
import { AppError } from '../errors.ts';
import { parseYaml } from '../parse-yaml.ts';
import { schemaMessage } from '../schema-message.ts';
import { everydayPrompts } from './neutral-prompts.ts';

const words = z.array(z.string().trim().min(1).max(200)).max(2000);

/** Words that a model may know, by the place they take in a prompt. */
const vocabularySchema = z.strictObject({
  /** After `in the style of`: artists, movements, media. */
  styles: words,
  /** After `a`: what can be seen, people and symbols too. */
  things: words,
  /** Without an article: persons, figures, places. */
  names: words,
  /** Whole prompts that are near none of them. */
  far: words.default([...everydayPrompts.sentences]),
});
export type Vocabulary = z.infer<typeof vocabularySchema>;

/**
 * The words that retain prompts are suggested from: `vocabulary.yaml` beside the text encoder's
 * config, for a model that knows few of those that this program brings for all others.
 *
 * @throws AppError `checkpoint.config`
 */
export async function readVocabulary(checkpoint: Checkpoint): Promise<Vocabulary> {
  const own = await ownVocabulary(checkpoint);
  if (own !== null) return own;
  const shipped = new URL('./vocabulary.yaml', import.meta.url);
  return parseVocabulary(await readFile(shipped, 'utf8'), shipped.pathname);
}

/**
 * The words that a model brings itself; null where it brings none.
 *
 * @throws AppError `checkpoint.config`
 */
export async function ownVocabulary({ condition }: Checkpoint): Promise<Vocabulary | null> {
  const folder = condition.vocabularyFolder;
  if (folder === null) return null;
  const own = path.join(folder, 'vocabulary.yaml');
  const text = await readConfigText(own);
  return text === undefined ? null : parseVocabulary(text, own);
}

function parseVocabulary(text: string, file: string): Vocabulary {
  try {
    return vocabularySchema.parse(parseYaml(text));
  } catch (cause) {
    const detail =
      cause instanceof z.ZodError
        ? schemaMessage(cause)
        : cause instanceof Error
          ? cause.message
          : 'it cannot be parsed';
    throw new AppError(
      'checkpoint.config',
      `"${file}" is not a vocabulary: ${detail}. Correct it, or remove it.`,
      { cause },
    );
  }
}
