/** Up to `count` items of a list at even distances, the first among them, with their places. */
export function spread<T>(items: readonly T[], count: number): { item: T; index: number }[] {
  const chosen = Math.min(count, items.length);
  return Array.from({ length: chosen }, (_, i) => Math.floor((i * items.length) / chosen)).flatMap(
    (index) => items.slice(index, index + 1).map((item) => ({ item, index })),
  );
}

/** How many prompts of each role there are. */
export interface PromptCounts {
  readonly forget: number;
  readonly retain: number;
}

/** How many are chosen when as many as `most` of each role are. */
export function spreadCount({ forget, retain }: PromptCounts, most: number): number {
  return Math.min(forget, most) + Math.min(retain, most);
}
