import { z } from 'zod';

/** A classifier that somebody chose as a judge, as `job.yaml` keeps it. */
export const classifierChoiceSchema = z.object({
  /** What people call it: its name among the judges, or its file's. */
  name: z.string(),
  /** Path of the `.onnx` file. */
  file: z.string(),
  /** Path of its labels, see `readLabels`; `PATH#NAME` chooses one of several lists. */
  labels: z.string(),
  /** Labels that count as the concept, in any case; none where only other classes are of interest. */
  classes: z.array(z.string()),
});
export type ClassifierChoice = Readonly<z.infer<typeof classifierChoiceSchema>>;

/** A classifier as a person asks for it: by its name among the judges, or by its files. */
export type ClassifierWish = {
  /** At least one. */
  readonly classes: readonly string[];
} & (
  | { readonly name: string }
  /** Without labels: those that lie beside the file. */
  | { readonly file: string; readonly labels: string | undefined }
);
