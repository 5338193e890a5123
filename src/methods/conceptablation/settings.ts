import * as z from 'zod';

import {
  descentFields,
  forgetFields,
  keepingFields,
  runFields,
  trainingFields,
  untilField,
} from '../settings-fields.ts';

/** Settings of Concept Ablation. */
export const conceptAblationSettings = z.strictObject({
  method: z.literal('conceptablation'),
  ...trainingFields,
  until: untilField,
  ...descentFields,
  ...keepingFields,
  ...forgetFields,
  ...runFields,
});
export type ConceptAblationSettings = z.infer<typeof conceptAblationSettings>;
