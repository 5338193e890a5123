import { open } from 'node:fs/promises';
import { basename } from 'node:path';

import sharp from 'sharp';

import { AppError } from '../errors.ts';
import type { PictureSize } from './picture-size.ts';
import { imageFormat, MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, SIGNATURE_BYTES } from './image-format.ts';

/**
 * Checks that a file is a PNG, JPEG or WebP of a bearable size, reading no more than its header.
 * The pixels may still turn out damaged: `decodeImage` tells.
 * @returns its size, upright
 * @throws AppError image.unreadable, image.too-large
 */
export async function checkImage(file: string): Promise<PictureSize> {
  await checkBytes(file);
  // sharp's own limit would hide the size from the message; nothing is decoded here.
  const { autoOrient, width, height } = await sharp(file, { limitInputPixels: false })
    .metadata()
    .catch((cause: unknown) => {
      throw damaged(file, cause);
    });
  if (width * height > MAX_IMAGE_PIXELS) {
    throw new AppError(
      'image.too-large',
      `image "${basename(file)}" is ${width}×${height} pixels, more than the ${MAX_IMAGE_PIXELS / 1e6} ` +
        'million that are read: make it smaller',
    );
  }
  return { width: autoOrient.width, height: autoOrient.height };
}

/** @returns the error for a picture that cannot be decoded, with the decoder's reason */
export function damaged(file: string, cause: unknown): AppError {
  const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
  return new AppError(
    'image.unreadable',
    `image "${basename(file)}" is damaged (${reason}): save it again from its source, or leave it out`,
    { cause },
  );
}

async function checkBytes(file: string): Promise<void> {
  const name = basename(file);
  const { sizeBytes, signature } = await readSignature(file);
  if (sizeBytes === 0) {
    throw new AppError('image.unreadable', `image "${name}" is empty (0 bytes): leave it out`);
  }
  if (sizeBytes > MAX_IMAGE_BYTES) {
    throw new AppError(
      'image.too-large',
      `image "${name}" has ${Math.ceil(sizeBytes / 2 ** 20)} MB, more than the ` +
        `${MAX_IMAGE_BYTES / 2 ** 20} that are read: make it smaller`,
    );
  }
  if (imageFormat(signature) === null) {
    throw new AppError(
      'image.unreadable',
      `"${name}" is not a PNG, JPEG or WebP image, whatever its name says: convert it or leave it out`,
    );
  }
}

async function readSignature(file: string): Promise<{ sizeBytes: number; signature: Buffer }> {
  try {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const signature = Buffer.alloc(SIGNATURE_BYTES);
      await handle.read(signature);
      return { sizeBytes: size, signature };
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError(
      'image.unreadable',
      `image "${basename(file)}" cannot be read (${reason}): check its name and permissions`,
      { cause },
    );
  }
}
