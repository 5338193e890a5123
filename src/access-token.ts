import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';

import { writeNewFile } from './checkpoint/atomic-file.ts';
import { AppError } from './errors.ts';
import { isMissingFile, systemErrorCode } from './system-error.ts';

/** As many as nobody guesses. */
const TOKEN_BYTES = 32;
const OWNER_ONLY = 0o600;

/**
 * The token that requests must bring: made at the first start and kept in the data folder, readable
 * by its owner only.
 *
 * @throws AppError `output.unwritable`
 */
export async function readAccessToken(dataFolder: string): Promise<string> {
  const tokenPath = path.join(dataFolder, 'token');
  try {
    await mkdir(dataFolder, { recursive: true });
    const found = await readFile(tokenPath, 'utf8').catch((error: unknown) => {
      if (isMissingFile(error)) return null;
      throw error;
    });
    if (found !== null && found.trim().length >= TOKEN_BYTES) {
      await chmod(tokenPath, OWNER_ONLY);
      return found.trim();
    }
    // One that was cut off is as good as none.
    await rm(tokenPath, { force: true });
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    await writeNewFile(tokenPath, token, OWNER_ONLY);
    return token;
  } catch (cause) {
    throw new AppError(
      'output.unwritable',
      `the data folder "${dataFolder}" cannot be written to (${systemErrorCode(cause) ?? String(cause)}). Choose another one with --data.`,
      { cause },
    );
  }
}
