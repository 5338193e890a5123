import type { z } from 'zod';

import { type HostClient, HostRefusal } from '../host-client.ts';
import { vaesSchema } from './api-schema.ts';

/** In Forge a list holds text encoders too, told by their folder. */
const ofTextEncoders = /[\\/](text_?encoders?|clip)[\\/]/i;

/** The VAEs that a web UI of the family lists; none where it has no such list. */
export async function readVaes(client: HostClient): Promise<z.infer<typeof vaesSchema>> {
  const vaes = await readList(client, 'sd-vae');
  if (vaes) return vaes;
  const modules = (await readList(client, 'sd-modules')) ?? [];
  return modules.filter(({ filename }) => !ofTextEncoders.test(filename));
}

async function readList(client: HostClient, route: string) {
  try {
    return await client.get(`sdapi/v1/${route}`, vaesSchema);
  } catch (error) {
    if (error instanceof HostRefusal && error.status === 404) return null;
    throw error;
  }
}
