import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import multer from 'multer';

import { AppError } from '../src/errors.ts';
import { formatBytes } from '../src/format-bytes.ts';
import { MAX_IMAGE_BYTES } from '../src/images/image-format.ts';
import type { UploadedFile, Uploads } from '../src/contract/services.ts';
import { makeUploadFolder, receiveForm } from './form.ts';

/** Far more than an erasure needs: tens do. */
const MAX_IMAGES = 500;
/** Bounds what a mistake may put on the disk. */
const MAX_TOTAL_BYTES = 2 ** 30;
/** A thousand prompts of a thousand characters. */
const MAX_JSON_BYTES = 2 ** 20;

const fileFields = ['forgetImages', 'retainImages'] as const;
type FileField = (typeof fileFields)[number];
/** Of a concept, by its place in the list. */
const conceptField = /^conceptImages\[(\d{1,3})\]$/;
const fieldNames =
  'forgetImages, retainImages and, of single concepts, conceptImages[0], conceptImages[1], …';

/** What a form brought. */
export interface Upload {
  /** Of the field `job`, whatever it holds. */
  readonly json: unknown;
  readonly files: Uploads;
  /** Removes what is left of the files. */
  readonly remove: () => Promise<void>;
}

/**
 * Reads a form, its files straight to the disk under names of our own.
 *
 * @throws AppError `usage.invalid`, `request.*`, `image.too-large`, `image.too-many`; nothing is
 *   left on the disk then
 */
export async function readUpload(request: Request, response: Response): Promise<Upload> {
  if (!request.is('multipart/form-data')) {
    throw new AppError(
      'usage.invalid',
      'a job is sent as multipart/form-data: the field "job" holds it as JSON, the pictures are files named ' +
        `${fieldNames}.`,
    );
  }
  if (Number(request.headers['content-length'] ?? 0) > MAX_TOTAL_BYTES + 2 * MAX_JSON_BYTES) {
    throw tooManyBytes();
  }
  const { folder, remove } = await makeUploadFolder(request);
  try {
    const files = await receive(request, response, folder);
    const body = request.body as Readonly<Record<string, unknown>> | undefined;
    return { json: parseJson(body?.job), files, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function receive(request: Request, response: Response, folder: string): Promise<Uploads> {
  const storage = new FolderStorage(folder);
  const read = multer({
    storage,
    // Browsers send names in UTF-8 without saying so.
    defParamCharset: 'utf8',
    limits: {
      files: MAX_IMAGES,
      fileSize: MAX_IMAGE_BYTES,
      fields: 1,
      fieldNameSize: 100,
      fieldSize: MAX_JSON_BYTES,
      parts: MAX_IMAGES + 1,
      headerPairs: 20,
    },
    fileFilter: (_, { fieldname }, accept) => {
      if (isFileField(fieldname) || conceptField.test(fieldname)) accept(null, true);
      else accept(new AppError('usage.invalid', unexpectedFile(fieldname)));
    },
  }).any();
  await receiveForm(request, response, read, explainLimit);
  return storage.images;
}

/** Keeps files in a folder as `1`, `2`, …, and counts their bytes. */
class FolderStorage implements multer.StorageEngine {
  readonly images = {
    forgetImages: [] as UploadedFile[],
    retainImages: [] as UploadedFile[],
    conceptImages: new Map<number, UploadedFile[]>(),
  };
  private readonly folder: string;
  private count = 0;
  private bytes = 0;

  constructor(folder: string) {
    this.folder = folder;
  }

  _handleFile(
    _: Request,
    file: Express.Multer.File,
    done: (error?: unknown, info?: Partial<Express.Multer.File>) => void,
  ): void {
    this.count += 1;
    const filePath = path.join(this.folder, String(this.count));
    const meter = new Transform({
      transform: (chunk: Buffer, _encoding, pass) => {
        this.bytes += chunk.length;
        if (this.bytes > MAX_TOTAL_BYTES) pass(tooManyBytes());
        else pass(null, chunk);
      },
    });
    // In the order in which the files began, whichever ends first.
    this.listOf(file.fieldname).push({ path: filePath, name: file.originalname });
    pipeline(file.stream, meter, createWriteStream(filePath, { flags: 'wx' })).then(() => {
      done(null, { path: filePath });
    }, done);
  }

  private listOf(field: string): UploadedFile[] {
    if (isFileField(field)) return this.images[field];
    const { conceptImages } = this.images;
    const place = Number(conceptField.exec(field)?.[1]);
    const list = conceptImages.get(place) ?? [];
    conceptImages.set(place, list);
    return list;
  }

  _removeFile(_: Request, __: Express.Multer.File, done: (error: Error | null) => void): void {
    // The folder is removed as a whole.
    done(null);
  }
}

function isFileField(name: string): name is FileField {
  return (fileFields as readonly string[]).includes(name);
}

function parseJson(text: unknown): unknown {
  if (typeof text !== 'string') {
    throw new AppError('usage.invalid', 'the field "job" with the job as JSON is missing.');
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.slice(0, 200) : '';
    throw new AppError('usage.invalid', `the field "job" is not JSON: ${reason}.`, { cause });
  }
}

function explainLimit({ code, field }: multer.MulterError): AppError {
  switch (code) {
    case 'LIMIT_FILE_SIZE':
      return new AppError(
        'image.too-large',
        `a picture of ${field ?? 'the form'} has more than ${formatBytes(MAX_IMAGE_BYTES)}. Make it smaller.`,
      );
    case 'LIMIT_FILE_COUNT':
    case 'LIMIT_PART_COUNT':
      return new AppError(
        'image.too-many',
        `these are more than ${MAX_IMAGES} pictures. Choose the best ones: tens are enough.`,
      );
    case 'LIMIT_UNEXPECTED_FILE':
      return new AppError('usage.invalid', unexpectedFile(field ?? ''));
    case 'LIMIT_FIELD_VALUE':
    case 'LIMIT_FIELD_KEY':
    case 'LIMIT_FIELD_COUNT':
      return new AppError(
        'request.too-large',
        `besides its files a form holds one field, "job", of at most ${formatBytes(MAX_JSON_BYTES)}.`,
      );
    case 'MISSING_FIELD_NAME':
      return new AppError('usage.invalid', `the form cannot be read (${code}).`);
  }
}

function unexpectedFile(field: string): string {
  return `there is no field ${JSON.stringify(field.slice(0, 100))} for files: they are ${fieldNames}.`;
}

function tooManyBytes(): AppError {
  return new AppError(
    'request.too-large',
    `the pictures have more than ${formatBytes(MAX_TOTAL_BYTES)} together. Send fewer or smaller ones.`,
  );
}
