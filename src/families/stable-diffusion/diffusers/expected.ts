import type { z } from 'zod';

import { AppError } from '../../../errors.ts';
import { readJsonConfig } from '../../../checkpoint/json-config.ts';

/** What to do with a model of another kind. */
export const useStableDiffusion = 'Use a model of Stable Diffusion 1.x, 2.x or XL.';

/** Values that a setting may have; a list of settings may hold these only. */
export type Expected = Readonly<Record<string, readonly unknown[]>>;

/**
 * Refuses a config that sets something to what Stable Diffusion does not have.
 *
 * @throws AppError `model.unsupported` with file, setting and value
 */
export function requireExpected(
  filePath: string,
  config: Readonly<Record<string, unknown>>,
  expected: Expected,
): void {
  for (const [name, values] of Object.entries(expected)) {
    const found = config[name];
    if (found === undefined || [found].flat().every((value) => values.includes(value))) continue;
    throw unsupported(
      filePath,
      `it sets ${name} to ${JSON.stringify(found).slice(0, 120)}, where Stable Diffusion has ${values.map((value) => JSON.stringify(value)).join(' or ')}. ${useStableDiffusion}`,
    );
  }
}

/** @throws AppError `checkpoint.damaged` if there is no such file, `checkpoint.config` */
export async function required<T>(filePath: string, schema: z.ZodType<T>): Promise<T> {
  const config = await readJsonConfig(filePath, schema, 'a config of a diffusers model');
  if (config !== undefined) return config;
  throw new AppError(
    'checkpoint.damaged',
    `the diffusers model lacks "${filePath}". Use a complete copy of the model.`,
  );
}

/** A refusal of what a file says, which begins with the file. */
export function unsupported(where: string, reason: string): AppError {
  return new AppError('model.unsupported', `"${where}": ${reason}`);
}
