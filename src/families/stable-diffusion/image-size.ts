import { AppError } from '../../errors.ts';
import type { Checkpoint } from '../checkpoint.ts';
import { versionOf } from './version.ts';

/** Cells along one side of the latents that LDM configs of all models say, whatever size is meant. */
const USUAL_LATENT_SIZE = 64;

/** Width and height of the images that the model was made for, in pixels: 512 for SD 1.x. */
export function nativeSize(checkpoint: Checkpoint): number {
  const { file, ldmConfig, architecture } = checkpoint;
  const { family, diffusion } = architecture;
  const { latentSize } = ldmConfig ?? {};
  const isMeant = file.layout === 'diffusers' || latentSize !== USUAL_LATENT_SIZE;
  const usual = versionOf(family).latentSize[diffusion.predictionType];
  return (isMeant ? (latentSize ?? usual) : usual) * latentScale(checkpoint);
}

/**
 * Refuses a width or height that the model cannot make: the UNet halves the latents at every level
 * but the last and must meet them again on the way up.
 *
 * @throws AppError `settings.invalid`, with the nearest size that fits
 */
export function requireSizeFits(checkpoint: Checkpoint, size: number): void {
  const { channelMult } = checkpoint.architecture.unet;
  const unit = latentScale(checkpoint) * 2 ** (channelMult.length - 1);
  if (size > 0 && size % unit === 0) return;
  const nearest = Math.max(1, Math.round(size / unit)) * unit;
  throw new AppError(
    'settings.invalid',
    `size ${size} does not fit this model, which needs a multiple of ${unit} pixels. The nearest is ${nearest}.`,
  );
}

/** Pixels along one side of a latent cell. */
export function latentScale({ architecture }: Checkpoint): number {
  return 2 ** (architecture.vae.chMult.length - 1);
}
