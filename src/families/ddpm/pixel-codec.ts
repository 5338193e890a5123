import type { PixelImage } from '../../images/pixels.ts';
import type { Codec } from '../family.ts';

/** Of red, green and blue in the brightness of a pixel (ITU-R BT.601, as Pillow's mode L). */
const LUMA = [0.299, 0.587, 0.114] as const;

/** Pictures are denoised as they are, grey ones in one channel. */
export function createPixelCodec(channels: number): Codec {
  const release = () => Promise.resolve();
  return {
    scale: 1,
    source: null,
    isMissing: false,
    requireFitting: () => Promise.resolve(),
    openEncoder: () =>
      Promise.resolve({
        encode: ({ data }) => Promise.resolve(channels === 1 ? brightnessOf(data) : data.slice()),
        release,
      }),
    openDecoder: ({ width, height }) =>
      Promise.resolve({
        decode: (latents): Promise<PixelImage> =>
          Promise.resolve({ data: channels === 1 ? asGrey(latents) : latents, width, height }),
        release,
      }),
  };
}

/** @param rgb planes [3, H, W] */
function brightnessOf(rgb: Float32Array): Float32Array {
  const plane = rgb.length / LUMA.length;
  return Float32Array.from({ length: plane }, (_, i) =>
    LUMA.reduce((sum, share, channel) => sum + share * (rgb[channel * plane + i] ?? 0), 0),
  );
}

/** The same plane for red, green and blue. */
function asGrey(plane: Float32Array): Float32Array {
  const rgb = new Float32Array(LUMA.length * plane.length);
  for (const channel of LUMA.keys()) rgb.set(plane, channel * plane.length);
  return rgb;
}
