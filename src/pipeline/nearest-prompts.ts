/**
 * The prompts of a set that a model is most likely to take for a given one: by the squared distance
 * of what the text encoder makes of them, nearest first.
 *
 * @param contexts every prompt as encoded: float32 [T, D]
 */
export function nearestPrompts(
  prompt: string,
  contexts: ReadonlyMap<string, Float32Array>,
  { among, count }: { among: Iterable<string>; count: number },
): string[] {
  const contextOf = (name: string) => contexts.get(name) ?? new Float32Array();
  const others = [...new Set(among)].filter((other) => other !== prompt);
  return others
    .map((other) => ({ other, distance: squaredDistance(contextOf(prompt), contextOf(other)) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ other }) => other);
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + (x - (b[i] ?? 0)) ** 2, 0);
}
