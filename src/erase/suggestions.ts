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

/** A concept as it is asked for. */
export interface AskedConcept {
  readonly forget: readonly string[];
  /** The words to take out; undefined: what the prompts share. */
  readonly concept: string | undefined;
}

/** What suggestions are chosen from. */
export interface FoundPrompts extends Omit<Suggestions, 'retain'> {
  /** The forget prompts with what is nearest to the concept in its place, the nearest first. */
  readonly neighbours: readonly string[];
  /** Anchors that say something by themselves. */
  readonly telling: readonly string[];
  /** Everyday prompts, the farthest first. */
  readonly far: readonly string[];
}

/** How many prompts of each sort are suggested: the sets of the shipped presets have about as many. */
export const suggestedCounts = {
  neighbours: 12,
  /** The same pictures without the concept: what the forgotten prompts are steered to must stay. */
  anchors: 4,
  /** What is far away shows that nothing but the concept was changed. */
  far: 6,
} as const;
