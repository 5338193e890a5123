/** A classifier that somebody chose as a judge. */
export interface ClassifierChoice {
  /** Path of the `.onnx` file. */
  readonly file: string;
  /** Path of its labels, see `readLabels`; `PATH#NAME` chooses one of several lists. */
  readonly labels: string;
  /** Labels that count as the concept, in any case. */
  readonly classes: readonly string[];
}
