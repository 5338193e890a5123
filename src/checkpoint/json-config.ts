import type { z } from 'zod';

import { AppError } from '../errors.ts';
import { schemaMessage } from '../schema-message.ts';
import { readConfigText } from './read-text.ts';

/**
 * A small JSON file of a model; undefined if there is none.
 *
 * @param what it should be, for messages: `a CLIP text config`
 * @throws AppError `checkpoint.config` if it does not fit the schema
 */
export async function readJsonConfig<T>(
  filePath: string,
  schema: z.ZodType<T>,
  what: string,
  maxBytes?: number,
): Promise<T | undefined> {
  const text = await readConfigText(filePath, maxBytes);
  if (text === undefined) return undefined;
  const result = schema.safeParse(parseJson(text, filePath));
  if (result.success) return result.data;
  throw new AppError(
    'checkpoint.config',
    `"${filePath}" is not ${what} that fits: ${schemaMessage(result.error)}. Correct it, or use a complete copy of the model.`,
  );
}

function parseJson(text: string, filePath: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError(
      'checkpoint.config',
      `"${filePath}" is not JSON. Copy or download it again.`,
      { cause },
    );
  }
}
