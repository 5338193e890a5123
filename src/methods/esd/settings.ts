import * as z from 'zod';

import { count, field, positive } from '../../setting-field.ts';
import { commonFields, descentFields, stepFields, trainingFields } from '../settings-fields.ts';

const { learningRate, optimizer } = descentFields;

/** Settings of ESD. It draws the beginnings of its own pictures, and knows none to keep. */
export const esdSettings = z.strictObject({
  method: z.literal('esd'),
  ...trainingFields,
  learningRate,
  optimizer,
  negativeGuidance: field(positive, {
    title: 'Negative guidance',
    description: 'η: how far predictions are led away from the concept. Higher forgets more.',
  }),
  startGuidance: field(z.number().min(1), {
    title: 'Guidance of unfinished pictures',
    description: 'How closely the pictures that are drawn in part follow their prompts.',
    isRare: true,
  }),
  samplingSteps: field(count, {
    title: 'Steps of unfinished pictures',
    description:
      'A picture would be finished in so many steps; each training step draws one up to a random one of them, with DDIM whatever sampler is set, unless the model is one that takes few steps. Fewer are faster.',
    isRare: true,
  }),
  ...stepFields,
  ...commonFields,
});
export type EsdSettings = z.infer<typeof esdSettings>;
