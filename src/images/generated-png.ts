import { formatGenerationParameters, type GenerationParameters } from './generation-parameters.ts';
import type { PixelImage } from './pixels.ts';
import { encodePng } from './png.ts';

/** A PNG file of a picture that a model drew, with how it was made as the hosts record it. */
export function encodeGeneratedPng(
  image: PixelImage,
  parameters: Omit<GenerationParameters, 'width' | 'height'>,
): Promise<Buffer> {
  const { width, height } = image;
  return encodePng(image, {
    parameters: formatGenerationParameters({ ...parameters, width, height }),
  });
}
