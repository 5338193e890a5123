import type * as Bull from 'bullmq';
import type * as Ioredis from 'ioredis';

import packageJson from '../../package.json' with { type: 'json' };
import { AppError } from '../errors.ts';
import { systemErrorCode } from '../system-error.ts';

/** What only some need, who install it: a queue of several machines is made of it, and figures of it. */
const optional = packageJson.peerDependencies;
type Optional = keyof typeof optional;

/**
 * Loads a package that is not installed with this program.
 *
 * @param load imports it
 * @param names what it takes
 * @throws AppError `package.missing` with the command that installs it
 */
export async function loadOptional<T>(
  load: () => Promise<T>,
  names: readonly Optional[],
  what: string,
): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (systemErrorCode(cause) !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const packages = names.map((name) => `${name}@${optional[name]}`).join(' ');
    throw new AppError(
      'package.missing',
      `${what} needs packages that are not installed with this program. Install them where it is: npm install ${packages}`,
      { cause },
    );
  }
}

/** @throws AppError `package.missing` where they are not installed */
export async function loadQueuePackages(): Promise<{
  readonly bullmq: typeof Bull;
  readonly ioredis: typeof Ioredis;
}> {
  const load = async () => ({ bullmq: await import('bullmq'), ioredis: await import('ioredis') });
  return loadOptional(load, ['bullmq', 'ioredis'], 'a queue of several machines');
}
