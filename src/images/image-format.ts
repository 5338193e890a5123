/** Well above any photograph or generated picture; keeps a stray video or archive out of memory. */
export const MAX_IMAGE_BYTES = 64 * 2 ** 20;
/** 100 megapixels, 300 MB decoded: the most that is decoded only to be made smaller. */
export const MAX_IMAGE_PIXELS = 100_000_000;

/** Enough bytes of a file's beginning to tell the formats apart. */
export const SIGNATURE_BYTES = 12;

/** A format of pictures that is read, as the usual ending of a name. */
export type ImageFormat = 'png' | 'jpg' | 'webp';

/** The format of a picture by its first bytes; null for others. */
export function imageFormat(signature: Buffer): ImageFormat | null {
  const text = signature.subarray(0, SIGNATURE_BYTES).toString('latin1');
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (text.startsWith('\xff\xd8\xff')) return 'jpg';
  return text.startsWith('RIFF') && text.endsWith('WEBP') ? 'webp' : null;
}

/** `.jfif` is what Windows and Chrome call a JPEG that was saved from the web. */
export const imageEndings = ['.png', '.jpg', '.jpeg', '.jpe', '.jfif', '.pjpeg', '.pjp', '.webp'];

/** Whether a name is that of a picture of a format that is read. */
export function isImageFile(name: string): boolean {
  const lower = name.toLowerCase();
  return imageEndings.some((ending) => lower.endsWith(ending));
}
