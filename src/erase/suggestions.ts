/** What could be kept and steered to, from the model's own text encoder. */
export interface Suggestions {
  readonly concept: string;
  /** One for each forget prompt, in their order. */
  readonly anchors: readonly string[];
  /** The concept's neighbours first. */
  readonly retain: readonly string[];
}
