import * as z from 'zod';

import { lowRankSettings } from './low-rank/settings.ts';

const full = z.object({ kind: z.literal('full') });

/** How weights are changed, and each way as it is taken where only its name is given. */
export const adapterSchema = z.discriminatedUnion('kind', [full, lowRankSettings]);
export type AdapterSettings = z.infer<typeof adapterSchema>;

/** Whether the change may count any number of times: see `Adaptation.strength`. */
export function hasStrength({ kind }: AdapterSettings): boolean {
  return kind === 'lora';
}

/** The same change, trained on the weights as the model's file has them. */
export function withStoredBase(adapter: AdapterSettings): AdapterSettings {
  return adapter.kind === 'lora' ? { ...adapter, basePrecision: 'stored' } : adapter;
}

export const defaultAdapters = {
  full: full.parse({ kind: 'full' }),
  lora: lowRankSettings.parse({ kind: 'lora' }),
} satisfies Record<AdapterSettings['kind'], AdapterSettings>;
