import * as z from 'zod';

import { countOrNone, field } from '../../setting-field.ts';
import { ascentFields, descentFields, runFields, trainingFields } from '../settings-fields.ts';

/** Settings of SISS. It draws nothing to forget: it is given it. */
export const sissSettings = z.strictObject({
  method: z.literal('siss'),
  ...trainingFields,
  ...descentFields,
  mixture: field(z.number().min(0).max(1), {
    title: 'Share of pictures to forget',
    description:
      'λ: so many of the noisy pictures are made of pictures to forget. 0 and 1 estimate both losses on pictures of one kind alone.',
    isRare: true,
  }),
  ...ascentFields,
  firstTimestep: field(countOrNone.max(999), {
    title: 'First timestep',
    description: 'Pictures are noised to this timestep, of 0 to 999, and later ones.',
  }),
  ...runFields,
});
export type SissSettings = z.infer<typeof sissSettings>;
