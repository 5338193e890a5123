import type { Checkpoint } from '../../src/families/checkpoint.ts';
import type { StableDiffusion } from '../../src/families/stable-diffusion/family.ts';

/** An open checkpoint with what its family makes its parts from, for tests of the family itself. */
export function asStableDiffusion(checkpoint: Checkpoint): StableDiffusion {
  if ('architecture' in checkpoint) return checkpoint as StableDiffusion;
  throw new TypeError(`"${checkpoint.file.path}" is no Stable Diffusion`);
}
