import * as z from 'zod';

import { field } from '../../setting-field.ts';
import {
  commonFields,
  descentFields,
  forgetFields,
  stepFields,
  trainingFields,
} from '../settings-fields.ts';

const { retainTarget: _kept, ...followedFields } = descentFields;

/** Settings of VDU. It knows no pictures to keep. */
export const vduSettings = z.strictObject({
  method: z.literal('vdu'),
  ...trainingFields,
  ...followedFields,
  stability: field(z.number().min(0), {
    title: 'Weight of staying',
    description:
      'What the distance of the weights from where they began counts against forgetting. Higher keeps more and forgets less.',
  }),
  ...forgetFields,
  ...stepFields,
  ...commonFields,
});
export type VduSettings = z.infer<typeof vduSettings>;
