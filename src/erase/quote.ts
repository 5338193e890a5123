/** Named in one message: more say no more. */
const maxListed = 3;

/** A prompt as messages show it. */
export function quote(text: string): string {
  return `"${text}"`;
}

/** Each item once, the first few of them. */
export function listed(items: readonly string[]): string {
  const distinct = [...new Set(items)];
  const more = distinct.length - maxListed;
  return distinct.slice(0, maxListed).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
