/** The metadata entry of a scrubbed model that tells how it was made. */
export const PROVENANCE_KEY = 'erase_concept';

/**
 * How a scrubbed model was made, as its metadata tells it; null for other models. The entry comes
 * from a file, so nothing is promised about its content; one that is no JSON object counts as none.
 */
export function readProvenance(
  metadata: ReadonlyMap<string, string>,
): Readonly<Record<string, unknown>> | null {
  const text = metadata.get(PROVENANCE_KEY);
  if (text === undefined) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}
