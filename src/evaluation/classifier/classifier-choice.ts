import { z } from 'zod';

const text = z.string().trim().min(1);

/** A classifier that somebody chose as a judge. */
export const classifierChoiceSchema = z.strictObject({
  /** Path of the `.onnx` file. */
  file: text.max(4096),
  /** Path of its labels, see `readLabels`; `PATH#NAME` chooses one of several lists. */
  labels: text.max(4096),
  /** Labels that count as the concept. */
  classes: z.array(text.max(200)).min(1).max(100),
});
export type ClassifierChoice = z.infer<typeof classifierChoiceSchema>;
