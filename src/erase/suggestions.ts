/** What could be kept and steered to, from the model's own text encoder. */
export interface Suggestions {
  readonly concept: string;
  /** Further wordings of it, as the model is asked. */
  readonly forget: readonly string[];
  /** One for each forget prompt, in their order. */
  readonly anchors: readonly string[];
  /** The concept's neighbours first. */
  readonly retain: readonly string[];
}

/** How many prompts of each sort are suggested: the sets of the shipped presets have about as many. */
export const suggestedCounts = {
  neighbours: 12,
  /** The same pictures without the concept: what the forgotten prompts are steered to must stay. */
  anchors: 4,
  /** What is far away shows that nothing but the concept was changed. */
  far: 6,
} as const;
