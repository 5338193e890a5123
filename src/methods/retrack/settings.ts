import * as z from 'zod';

import { count, field } from '../../setting-field.ts';
import { descentFields, runFields, trainingFields } from '../settings-fields.ts';

/** Settings of ReTrack. It draws nothing to forget: it is given it. */
export const reTrackSettings = z.strictObject({
  method: z.literal('retrack'),
  ...trainingFields,
  ...descentFields,
  neighbours: field(count, {
    title: 'Neighbours',
    unit: 'pictures',
    description: 'So many kept pictures, the nearest to a forgotten one, take its place.',
  }),
  forgetShare: field(z.number().gt(0).lt(1), {
    title: 'Weight of forgetting',
    description: 'λ: what forgetting counts; keeping counts the rest to 1.',
  }),
  ...runFields,
});
export type ReTrackSettings = z.infer<typeof reTrackSettings>;
