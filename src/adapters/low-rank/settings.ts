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
  basePrecision: field(z.enum(['stored', 'int8']).default('stored'), {
    title: 'Precision of the base',
    description:
      'Of the weights under the change while it is trained: as the file has them, or rounded to 8 bits, which takes half the memory of 16. The result is made from the file’s own.',
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
