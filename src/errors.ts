import { type Remedy, wordForOptions } from './remedy.ts';
import { systemErrorCode } from './system-error.ts';

/**
 * Every error a person may meet: its code, the exit status of the command line and the HTTP status
 * of the sidecar. A code is for programs, the message for people: it says what is wrong and what
 * to do about it.
 */
const errorTable = {
  'usage.invalid': { exit: 2, http: 400 },
  'access.no-token': { exit: 1, http: 401 },
  'access.refused': { exit: 1, http: 403 },
  'address.unknown': { exit: 1, http: 404 },
  'address.taken': { exit: 4, http: 500 },
  'request.too-large': { exit: 3, http: 413 },
  'request.too-many': { exit: 1, http: 429 },
  'request.incomplete': { exit: 1, http: 400 },
  'checkpoint.not-found': { exit: 3, http: 404 },
  'checkpoint.not-safetensors': { exit: 3, http: 422 },
  'checkpoint.damaged': { exit: 3, http: 422 },
  'checkpoint.nan': { exit: 3, http: 422 },
  'checkpoint.config': { exit: 3, http: 422 },
  'model.not-found': { exit: 3, http: 404 },
  'model.active': { exit: 3, http: 409 },
  'model.unsupported': { exit: 3, http: 422 },
  'model.mismatch': { exit: 3, http: 422 },
  'model.identical': { exit: 3, http: 422 },
  'image.unreadable': { exit: 3, http: 415 },
  'image.too-large': { exit: 3, http: 413 },
  'image.too-many': { exit: 3, http: 413 },
  'image.none': { exit: 3, http: 422 },
  'image.contradiction': { exit: 3, http: 422 },
  'judge.invalid': { exit: 3, http: 422 },
  'judge.not-found': { exit: 3, http: 404 },
  'lora.invalid': { exit: 3, http: 422 },
  'file.exists': { exit: 3, http: 409 },
  'vae.invalid': { exit: 3, http: 422 },
  'embedding.invalid': { exit: 3, http: 422 },
  'prompt.invalid': { exit: 3, http: 422 },
  'concepts.invalid': { exit: 3, http: 422 },
  'sweep.invalid': { exit: 3, http: 422 },
  'sweep.not-found': { exit: 3, http: 404 },
  'sweep.exists': { exit: 3, http: 409 },
  'knowledge.not-found': { exit: 3, http: 404 },
  'preset.not-found': { exit: 3, http: 404 },
  'preset.invalid': { exit: 3, http: 422 },
  'preset.exists': { exit: 3, http: 409 },
  'preset.shipped': { exit: 3, http: 403 },
  'settings.invalid': { exit: 3, http: 422 },
  'settings.too-large': { exit: 3, http: 422 },
  'output.exists': { exit: 3, http: 409 },
  'output.no-space': { exit: 3, http: 422 },
  'output.unwritable': { exit: 3, http: 422 },
  'job.not-found': { exit: 3, http: 404 },
  'job.wrong-state': { exit: 3, http: 409 },
  'job.damaged': { exit: 3, http: 422 },
  'job.taken-over': { exit: 5, http: 409 },
  'job.incomplete': { exit: 3, http: 404 },
  'folder.not-shown': { exit: 4, http: 409 },
  'install.no-web-ui': { exit: 3, http: 422 },
  'install.exists': { exit: 3, http: 409 },
  'install.missing': { exit: 3, http: 404 },
  'install.foreign': { exit: 3, http: 409 },
  'training.collapsed': { exit: 3, http: 422 },
  'graph.no-gradient': { exit: 1, http: 500 },
  'graph.invalid': { exit: 1, http: 500 },
  'device.unavailable': { exit: 4, http: 422 },
  'device.out-of-memory': { exit: 4, http: 422 },
  'device.crashed': { exit: 4, http: 500 },
  'host.unreachable': { exit: 4, http: 503 },
  'host.no-api': { exit: 4, http: 503 },
  'host.credentials': { exit: 4, http: 503 },
  'host.failed': { exit: 4, http: 502 },
  'host.swap-failed': { exit: 4, http: 502 },
  'host.busy': { exit: 4, http: 409 },
  'package.missing': { exit: 4, http: 501 },
  'queue.unavailable': { exit: 4, http: 503 },
  'artifact.unreachable': { exit: 4, http: 503 },
  'artifact.missing': { exit: 3, http: 404 },
  'artifact.damaged': { exit: 3, http: 502 },
  'data.in-use': { exit: 4, http: 409 },
  'job.cancelled': { exit: 5, http: 409 },
  'internal.unexpected': { exit: 1, http: 500 },
} as const;

export type ErrorCode = keyof typeof errorTable;

/** Every code, for who explains them. */
export const errorCodes = Object.keys(errorTable) as ErrorCode[];

/** Whether a code from outside, from another process say, is one of the table. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code);
}

/** An error meant to be read by a person. `message` needs no context to be understood. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  /** When it happened, ISO 8601: told and recorded, it is the same event. */
  readonly time = new Date().toISOString();
  /** What to set otherwise; `message` has it in the words of the command line. */
  readonly remedy: Remedy | undefined;

  /** @param message ends where the remedy begins, if there is one, or has it already */
  constructor(
    code: ErrorCode,
    message: string,
    { remedy, ...options }: ErrorOptions & { readonly remedy?: Remedy | undefined } = {},
  ) {
    super(withRemedy(message, remedy), options);
    this.code = code;
    this.remedy = remedy;
  }

  get exitStatus(): number {
    return errorTable[this.code].exit;
  }

  get httpStatus(): number {
    return errorTable[this.code].http;
  }
}

function withRemedy(message: string, remedy: Remedy | undefined): string {
  if (remedy === undefined) return message;
  const words = wordForOptions(remedy);
  return message.includes(words) ? message : `${message} ${words}`;
}

/** Of rights, of a file system that is read-only, of a limit of the size of files. */
const refusals: readonly string[] = ['EACCES', 'EPERM', 'EROFS', 'EFBIG'];

/** Any error as one that a person may meet. */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = systemErrorCode(error);
  // Any write of a run may meet it: of the state, of an event, of a picture.
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AppError(
      'output.no-space',
      `the disk became full (${code}). Free some disk space.`,
      {
        cause: error,
      },
    );
  }
  if (error instanceof Error && code !== undefined && refusals.includes(code)) {
    return new AppError(
      'output.unwritable',
      `the system does not allow it: ${error.message}. Give this user the right, raise its limit, or choose another place.`,
      { cause: error },
    );
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new AppError('internal.unexpected', `something went wrong that should not: ${detail}`, {
    cause: error,
  });
}
