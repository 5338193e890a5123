import * as z from 'zod';

import {
  ascentFields,
  descentFields,
  forgetFields,
  keepingFields,
  runFields,
  trainingFields,
  untilField,
} from '../settings-fields.ts';

/** Settings of NegGrad. */
export const negGradSettings = z.strictObject({
  method: z.literal('neggrad'),
  ...trainingFields,
  until: untilField,
  ...descentFields,
  ...ascentFields,
  ...keepingFields,
  ...forgetFields,
  ...runFields,
});
export type NegGradSettings = z.infer<typeof negGradSettings>;
