import { z } from 'zod';

import { AppError } from '../errors.ts';
import { type HostClient, HostRefusal } from './host-client.ts';

/** The kinds of hosts, as `--host` names them. */
export const hostKinds = ['standalone', 'a1111', 'comfyui'] as const;
export type HostKind = (typeof hostKinds)[number];

/**
 * The kind of web UI that answers at an address.
 *
 * @throws AppError `host.unreachable`, `host.credentials`; `host.failed` for one that is not known
 */
export async function detectHost(client: HostClient): Promise<Exclude<HostKind, 'standalone'>> {
  if (await knows(client, 'system_stats')) return 'comfyui';
  if (await knows(client, 'sdapi/v1/progress?skip_current_image=true')) return 'a1111';
  // One that was started without its API.
  if (await knows(client, 'internal/ping')) return 'a1111';
  throw new AppError(
    'host.failed',
    `${client.label} is neither ComfyUI nor AUTOMATIC1111's web UI or a relative of it. Give the right address with --host-url, or --host standalone.`,
  );
}

async function knows(client: HostClient, path: string): Promise<boolean> {
  try {
    const answer = await client.get(path, z.unknown());
    // A page that is shown for every path is none of it.
    return typeof answer === 'object';
  } catch (error) {
    if (error instanceof HostRefusal) return false;
    throw error;
  }
}
