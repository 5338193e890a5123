/** Up to `count` items of a list at even distances, the first among them, with their places. */
export function spread<T>(items: readonly T[], count: number): { item: T; index: number }[] {
  const chosen = Math.min(count, items.length);
  return Array.from({ length: chosen }, (_, i) => Math.floor((i * items.length) / chosen)).flatMap(
    (index) => items.slice(index, index + 1).map((item) => ({ item, index })),
  );
}
