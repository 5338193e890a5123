import { crc32 } from 'node:zlib';

import sharp from 'sharp';

import { fromRgbBytes, type PixelImage, toRgbBytes } from './pixels.ts';

/** Eight bytes of signature, then the IHDR chunk: 4 length + 4 type + 13 data + 4 CRC. */
const HEADER_BYTES = 8 + 25;

/**
 * A PNG file of the picture.
 * @param text entries for text chunks by keyword (1 to 79 printable Latin-1 characters), like
 *   `{ parameters: … }` for the hosts
 */
export async function encodePng(
  image: PixelImage,
  text: Record<string, string> = {},
): Promise<Buffer> {
  const { width, height } = image;
  const png = await sharp(toRgbBytes(image), { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  return insertTextChunks(png, text);
}

/** The picture of a PNG file that `encodePng` made. */
export async function decodePng(png: Uint8Array): Promise<PixelImage> {
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  return fromRgbBytes(data, info.width, info.height);
}

/**
 * Adds text chunks after the header of a PNG: tEXt where the text is Latin-1, else iTXt (UTF-8), as
 * Pillow and so AUTOMATIC1111 choose. (sharp writes no text, and fast-png refuses all but Latin-1.)
 */
function insertTextChunks(png: Buffer, text: Record<string, string>): Buffer {
  const chunks = Object.entries(text).map(([keyword, value]) =>
    /^[\x00-\xff]*$/.test(value)
      ? buildChunk('tEXt', Buffer.from(`${keyword}\0${value}`, 'latin1'))
      : // Not compressed, no language tag, no translated keyword.
        buildChunk('iTXt', Buffer.from(`${keyword}\0\0\0\0\0${value}`, 'utf8')),
  );
  return Buffer.concat([png.subarray(0, HEADER_BYTES), ...chunks, png.subarray(HEADER_BYTES)]);
}

/** Length of the data, type, data, CRC over type and data (PNG specification, section 5.3). */
function buildChunk(type: 'tEXt' | 'iTXt', data: Buffer): Buffer {
  const typeAndData = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(typeAndData));
  return Buffer.concat([length, typeAndData, crc]);
}
