import { cpSync } from 'node:fs';
import path from 'node:path';

/** Tiny pixel-space models as diffusers writes them: see test/golden/make-ddpm.py. */
const pixelModels = path.resolve(import.meta.dirname, '../golden/ddpm');

/** A copy of one of them. @returns its folder, `to` */
export function copyPixelModel(
  to: string,
  name: 'grey' | 'classes' | 'timestep' | 'celebahq',
): string {
  cpSync(path.join(pixelModels, name), to, { recursive: true });
  return to;
}
