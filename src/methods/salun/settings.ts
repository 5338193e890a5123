import * as z from 'zod';

import { field } from '../../setting-field.ts';
import {
  descentFields,
  forgetFields,
  keepingFields,
  runFields,
  trainingFields,
  untilField,
} from '../settings-fields.ts';

const labels = ['anchor', 'random'] as const;
type Label = (typeof labels)[number];

/** Settings of SalUn. */
export const salUnSettings = z.strictObject({
  method: z.literal('salun'),
  ...trainingFields,
  until: untilField,
  ...descentFields,
  relabel: field(z.enum(labels), {
    title: 'Forgotten pictures are taken for',
    description: 'Under forgotten prompts the model predicts what it predicts under these.',
    choices: {
      anchor: 'Their anchors',
      random: 'Kept prompts, drawn anew for each picture',
    } satisfies Record<Label, string>,
  }),
  ...keepingFields,
  ...forgetFields,
  ...runFields,
});
export type SalUnSettings = z.infer<typeof salUnSettings>;
