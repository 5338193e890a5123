import type { Drawing } from './drawing.ts';
import { styleOfPrompts } from './prompt-style.ts';

/** How a model is probably drawn with, as far as anything tells. */
export interface DrawingGuess {
  readonly draws: Partial<Drawing>;
  /** What each part is known from: `its name: “lightning” (SDXL-Lightning)`. */
  readonly sources: DrawingSources;
}
export type DrawingSources = Readonly<Partial<Record<keyof Drawing, string>>>;

export const noGuess: DrawingGuess = { draws: {}, sources: {} };

/** Both, what the first one knows as it knows it. */
export function joinGuesses(first: DrawingGuess, second: DrawingGuess): DrawingGuess {
  return {
    draws: { ...second.draws, ...first.draws },
    sources: { ...second.sources, ...first.sources },
  };
}

/** A guess of which all parts are known from one source; undefined ones are not known. */
export function guessFrom(
  source: string,
  draws: { readonly [K in keyof Drawing]?: Drawing[K] | undefined },
): DrawingGuess {
  const known = Object.entries(draws).filter(([, value]) => value !== undefined);
  return {
    draws: Object.fromEntries(known),
    sources: Object.fromEntries(known.map(([name]) => [name, source])),
  };
}

/** The form of prompts that a person writes, where it is clear: it tells of the model that they draw with. */
export function guessFromPrompts(prompts: readonly string[]): DrawingGuess {
  return guessFrom('your prompts to forget', { promptStyle: styleOfPrompts(prompts) });
}
