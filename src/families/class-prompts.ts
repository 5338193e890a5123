/** What a model is asked for that is told nothing but the noise to begin with. */
export const ANYTHING = 'anything';

/** How a model is asked for one of its classes, where prompts stand: `class 3`. */
export function classPrompt(label: number): string {
  return `class ${label}`;
}

/** The class that a prompt asks for, counted from 0: of `class 3`, `Class 3` or `3`; null for others. */
export function readClass(prompt: string): number | null {
  const [, digits] = /^\s*(?:class\s+)?(\d{1,7})\s*$/i.exec(prompt) ?? [];
  return digits === undefined ? null : Number(digits);
}
