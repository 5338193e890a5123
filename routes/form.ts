import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Request, RequestHandler, Response } from 'express';
import multer from 'multer';

import { AppError } from '../src/errors.ts';
import { systemErrorCode } from '../src/system-error.ts';

/** A new folder for the files of one form. @returns it, and what removes it with what is left in it */
export async function makeUploadFolder(
  request: Request,
): Promise<{ readonly folder: string; readonly remove: () => Promise<void> }> {
  const folder = path.join(request.app.get('uploads folder') as string, randomUUID());
  await mkdir(folder, { recursive: true });
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/**
 * Has multer read a form.
 *
 * @param read as `multer(…)` gives it
 * @param explainLimit what a form that passes a limit is told
 * @throws AppError `request.incomplete`, what `explainLimit` makes, and what `read` itself refuses
 */
export async function receiveForm(
  request: Request,
  response: Response,
  read: RequestHandler,
  explainLimit: (error: multer.MulterError) => AppError,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // Multer hears of a client that goes only from when it begins to read.
    const giveUp = () => {
      reject(explain(new Error('the client is gone'), explainLimit));
    };
    if (request.socket.destroyed || request.destroyed) giveUp();
    request.once('close', () => {
      if (!request.complete) giveUp();
    });
    read(request, response, (error: unknown) => {
      if (error === undefined) resolve();
      else reject(explain(error, explainLimit));
    });
  });
}

/** Whatever went wrong while a form was read, as the client's or the disk's. */
function explain(error: unknown, explainLimit: (error: multer.MulterError) => AppError): Error {
  if (error instanceof AppError) return error;
  if (error instanceof multer.MulterError) return explainLimit(error);
  // Node's own codes begin so; what is left is the disk's.
  if (error instanceof Error && !(systemErrorCode(error) ?? 'ERR_').startsWith('ERR_'))
    return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new AppError(
    'request.incomplete',
    `the form cannot be read (${reason}): it was cut off, or is not multipart/form-data. Send it again.`,
    { cause: error },
  );
}
