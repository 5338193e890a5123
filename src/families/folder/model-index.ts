import path from 'node:path';
import { z } from 'zod';

import { readJsonConfig } from '../../checkpoint/json-config.ts';

/** The file that names the parts of a diffusers model. */
export const MODEL_INDEX = 'model_index.json';

/** Components of a model's index besides the UNet that it draws with: other UNets, and other parts. */
export type Components = Readonly<Record<'unets' | 'others', readonly string[]>>;

/**
 * The components that a folder's index lists; none where there is no index.
 *
 * @throws AppError `checkpoint.config`
 */
export async function listComponents(folder: string): Promise<Components> {
  const file = path.join(folder, MODEL_INDEX);
  const index = await readJsonConfig(file, z.looseObject({}), 'a config of a diffusers model');
  const components = Object.entries(index ?? {}).flatMap(([name, value]) => {
    const className: unknown = Array.isArray(value) ? value[1] : null;
    return typeof className === 'string' && name !== 'unet' ? [{ name, className }] : [];
  });
  const isUnet = (component: (typeof components)[number]) =>
    /unet/i.test(`${component.name} ${component.className}`);
  return {
    unets: components.filter(isUnet).map(({ name }) => name),
    others: components.filter((component) => !isUnet(component)).map(({ name }) => name),
  };
}
