import type { Opened } from './opened.ts';
import { versionOf } from './version.ts';

/** Cells along one side of the latents that LDM configs of all models say, whatever size is meant. */
const USUAL_LATENT_SIZE = 64;

/** Width and height of the images that the model was made for, in pixels: 512 for SD 1.x. */
export function nativeSize(checkpoint: Opened): number {
  const { file, ldmConfig, architecture } = checkpoint;
  const { family, diffusion } = architecture;
  const { latentSize } = ldmConfig ?? {};
  const isMeant = file.layout === 'diffusers' || latentSize !== USUAL_LATENT_SIZE;
  const usual = versionOf(family).latentSize[diffusion.predictionType];
  return (isMeant ? (latentSize ?? usual) : usual) * latentScale(checkpoint);
}

/** What every VAE of Stable Diffusion has, for a model that has none yet. */
const USUAL_LATENT_SCALE = 8;

/** Pixels along one side of a latent cell. */
export function latentScale({ vae }: Pick<Opened, 'vae'>): number {
  return vae ? 2 ** (vae.config.chMult.length - 1) : USUAL_LATENT_SCALE;
}
