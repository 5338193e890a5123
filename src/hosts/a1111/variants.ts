import { z } from 'zod';

import { type HostClient, HostRefusal } from '../host-client.ts';
import { infoSchema, loadedSchema, type CheckpointEntry, type Options } from './api-schema.ts';
import { loadedEntry, nameOf } from './entries.ts';

/** What web UIs of the family do differently. */
export interface Variant {
  /** Null where its options tell. */
  readonly name: string | null;
  /**
   * Whether it loads the active model again after each picture that another one drew, and so knows no
   * more which one that was.
   */
  readonly reloadsAtOnce: boolean;
  /** The entry whose file drew a picture that was just drawn; undefined if it cannot be told. */
  drawnWith(
    client: HostClient,
    info: unknown,
    entries: readonly CheckpointEntry[],
  ): Promise<CheckpointEntry | undefined>;
}

/**
 * AUTOMATIC1111, Forge, Forge Neo and reForge: a picture's `info` names the model. Forge and Forge Neo
 * load it no sooner than for the picture.
 */
const classic: Variant = {
  name: null,
  reloadsAtOnce: false,
  drawnWith: (_, info, entries) => {
    const { data } = infoSchema.safeParse(info);
    const loaded = { hash: data?.sd_model_hash ?? null, stem: data?.sd_model_name ?? null };
    return Promise.resolve(loadedEntry(entries, loaded));
  },
};

/** SD.Next: `info` has a hash only where the user wants one; what is loaded can be asked. */
const sdNext: Variant = {
  name: 'SD.Next',
  reloadsAtOnce: true,
  drawnWith: async (client, _, entries) => {
    const { title } = await client.get('sdapi/v1/checkpoint', loadedSchema);
    if (!title) return undefined;
    return entries.find((entry) => nameOf(entry) === nameOf({ title }));
  },
};

/** Finds out which one answers; only SD.Next can be asked for what it has loaded. */
export async function detectVariant(client: HostClient): Promise<Variant> {
  try {
    // A null `type` where nothing is loaded; others may answer with a page.
    const { success } = z
      .object({ type: z.unknown() })
      .safeParse(await client.get('sdapi/v1/checkpoint', z.unknown()));
    return success ? sdNext : classic;
  } catch (error) {
    if (error instanceof HostRefusal && [404, 405].includes(error.status)) return classic;
    throw error;
  }
}

/** Who answers, as its options tell; the others have none of their own. */
export function webUiName(options: Options): string {
  if ('forge_checkpoint_sd' in options) return 'Forge Neo';
  if (options.forge_additional_modules !== undefined) return 'Forge';
  return 'AUTOMATIC1111 or a relative';
}
