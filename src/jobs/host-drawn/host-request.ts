import { type Drawing, generationOf } from '../../drawing/drawing.ts';
import type { SetPicture } from '../../erase/set-pictures.ts';
import type { PictureRequest } from '../../hosts/host.ts';

/** What a host is asked for a picture that a job needs: drawn as the job draws, in a shape of its own if any. */
export function hostRequestOf(
  drawing: Drawing,
  { prompt, seed, size }: Omit<SetPicture, 'size' | 'caption'> & Partial<SetPicture>,
): Omit<PictureRequest, 'model'> {
  const { width, height } = size ?? drawing;
  return { ...generationOf(drawing, prompt), seed, width, height };
}
