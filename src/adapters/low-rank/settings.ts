import * as z from 'zod';

import { count, field, positive } from '../../setting-field.ts';

/** What a low-rank change is made of. */
export const lowRankSettings = z.object({
  kind: z.literal('lora'),
  rank: field(count.default(16), {
    title: 'Rank',
    description: 'Of the change of each layer. Higher can say more and makes a larger file.',
  }),
  convRank: field(count.nullable().default(null), {
    title: 'Rank of convolutions',
    description:
      'Of the change of convolutions, which else stay as they are. They hold shapes and textures.',
    isRare: true,
  }),
  alpha: field(positive.nullable().default(null), {
    title: 'Alpha',
    description:
      'The change counts alpha / rank times, of convolutions too. None: as large as the rank.',
    isRare: true,
  }),
});
export type LowRankSettings = z.infer<typeof lowRankSettings>;
