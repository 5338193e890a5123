import * as z from 'zod';

import { descentFields, runFields, trainingFields, untilField } from '../settings-fields.ts';

const { learningRate, accumulation, optimizer, clipNorm, ema } = descentFields;

/** Settings of plain fine-tuning. What is kept is held to the noise that was added: it is all there is to learn from. */
export const fineTuneSettings = z.strictObject({
  method: z.literal('finetune'),
  ...trainingFields,
  until: untilField,
  ...{ learningRate, accumulation, optimizer, clipNorm, ema },
  ...runFields,
});
export type FineTuneSettings = z.infer<typeof fineTuneSettings>;
