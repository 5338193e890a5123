import type { PictureSize } from '../src/images/picture-size.ts';
import type { NamedFile } from './api.ts';

/** A picture that was dropped, with what it shows. */
export interface Picture extends NamedFile {
  readonly caption: string;
  /** For its thumbnail; revoked when the picture is taken away. */
  readonly url: string;
  /** In pixels, upright; null where the browser cannot tell. */
  readonly size: PictureSize | null;
}

/** The captions of those that have one, by their names. */
export function captionsOf(pictures: readonly Picture[]): Record<string, string> {
  const captioned = pictures.filter(({ caption }) => caption.trim() !== '');
  return Object.fromEntries(captioned.map(({ name, caption }) => [name, caption.trim()]));
}

/** The sizes of those that the browser can tell. */
export const sizesOf = (pictures: readonly Picture[]): PictureSize[] =>
  pictures.flatMap(({ size }) => size ?? []);

/** Lets the browser forget their thumbnails. */
export function revokePictures(pictures: readonly Picture[]): void {
  for (const { url } of pictures) URL.revokeObjectURL(url);
}
