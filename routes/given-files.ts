import path from 'node:path';
import type { Request, Response } from 'express';
import multer from 'multer';

import type { UploadedFile } from '../src/contract/services.ts';
import { AppError } from '../src/errors.ts';
import { formatBytes } from '../src/format-bytes.ts';
import { makeUploadFolder, receiveForm } from './form.ts';

/** Larger than any file that is given: a LoRA of SDXL of the highest rank has 4 GB. */
const MAX_FILE_BYTES = 8 * 2 ** 30;

/**
 * Reads a form of files, one of each name, straight to the disk, and removes what is left of them when the
 * work with them is done.
 *
 * @throws AppError `usage.invalid` where one is missing or has another name, `request.*`; what the work throws
 */
export async function withFiles<Name extends string, T>(
  request: Request,
  response: Response,
  names: readonly Name[],
  work: (files: Readonly<Record<Name, UploadedFile>>) => Promise<T>,
): Promise<T> {
  if (!request.is('multipart/form-data')) {
    throw new AppError(
      'usage.invalid',
      `a file is sent as multipart/form-data: ${wordFields(names)}.`,
    );
  }
  const { folder, remove } = await makeUploadFolder(request);
  try {
    return await work(await receiveFiles(request, response, { names, folder }));
  } finally {
    await remove();
  }
}

async function receiveFiles<Name extends string>(
  request: Request,
  response: Response,
  { names, folder }: { readonly names: readonly Name[]; readonly folder: string },
): Promise<Record<Name, UploadedFile>> {
  const read = multer({
    // The names are ours: those of the client are not for the disk.
    storage: multer.diskStorage({
      destination: folder,
      filename: (_, { fieldname }, done) => {
        done(null, fieldname);
      },
    }),
    defParamCharset: 'utf8',
    limits: {
      ...{ files: names.length, fileSize: MAX_FILE_BYTES, fields: 0, parts: names.length },
      ...{ fieldNameSize: 100, headerPairs: 20 },
    },
  }).fields(names.map((name) => ({ name, maxCount: 1 })));
  await receiveForm(request, response, read, (error) => explainLimit(error, names));
  const given = (request.files ?? {}) as Record<string, Express.Multer.File[]>;
  const files = names.map((name) => {
    const [file] = given[name] ?? [];
    if (!file)
      throw new AppError('usage.invalid', `the file "${name}" is missing: ${wordFields(names)}.`);
    return [name, { path: path.join(folder, name), name: file.originalname }] as const;
  });
  return Object.fromEntries(files) as Record<Name, UploadedFile>;
}

function explainLimit(
  { code, field = '' }: multer.MulterError,
  names: readonly string[],
): AppError {
  if (code === 'LIMIT_FILE_SIZE') {
    return new AppError(
      'request.too-large',
      `a file has more than ${formatBytes(MAX_FILE_BYTES)}. Put it into the folder by hand.`,
    );
  }
  return new AppError(
    'usage.invalid',
    `the form has something else in it (${[code, field.slice(0, 100)].filter(Boolean).join(' ')}): ${wordFields(names)}.`,
  );
}

const wordFields = (names: readonly string[]) =>
  `the form holds ${names.length === 1 ? 'one file' : 'one file each'} called ${names.join(' and ')}`;
