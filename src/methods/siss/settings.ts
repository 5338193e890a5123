import * as z from 'zod';

import { countOrNone, field } from '../../setting-field.ts';
import { ascentFields, descentFields, runFields, trainingFields } from '../settings-fields.ts';

const pushes = ['known', 'always'] as const;
type Push = (typeof pushes)[number];

/** Of what the schedules of all models are counted in. */
const LAST_TIMESTEP = 999;

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
  // Jobs of earlier versions pushed at each step.
  push: field(z.enum(pushes).default('always'), {
    title: 'Pictures are pushed away',
    description:
      'While they are known: until the model’s error on a picture is four times what it was without the caption. What is forgotten by then is left alone, and what is kept comes to no more harm.',
    choices: {
      known: 'While they are known',
      always: 'At each step',
    } satisfies Record<Push, string>,
  }),
  firstTimestep: field(countOrNone.max(999), {
    title: 'First timestep',
    description: 'Pictures are noised to this timestep, of 0 to 999, and later ones.',
  }),
  // Jobs of earlier versions had no last one.
  lastTimestep: field(countOrNone.max(999).default(LAST_TIMESTEP), {
    title: 'Last timestep',
    description:
      'And to this one at most: what a model knows by heart stands in pictures with little noise, while what it draws at all is decided where there is much.',
    isRare: true,
  }),
  ...runFields,
});
export type SissSettings = z.infer<typeof sissSettings>;
