import { type Drawing, describeSize } from './drawing.ts';
import type { DrawingSources } from './drawing-guess.ts';

type Part = keyof Drawing;

const partInWords: Readonly<Record<Part, (drawing: Drawing) => string>> = {
  drawSteps: ({ drawSteps }) => `${drawSteps} ${drawSteps === 1 ? 'step' : 'steps'}`,
  drawCfg: ({ drawCfg }) => `CFG ${drawCfg}`,
  drawSampler: ({ drawSampler }) => drawSampler,
  width: describeSize,
  height: () => '',
  clipSkip: ({ clipSkip }) => (clipSkip === 1 ? '' : `clip skip ${clipSkip}`),
  promptStyle: ({ promptStyle }) => (promptStyle === 'tags' ? 'asked in tags' : ''),
  qualityWords: ({ qualityWords }) => (qualityWords === '' ? '' : `with “${qualityWords}”`),
  negative: ({ negative }) => (negative === '' ? '' : `without “${negative}”`),
};

/** How pictures are drawn, each setting in few words; what is as usual is left out. */
export function drawingParts(
  drawing: Drawing,
  parts: readonly Part[] = Object.keys(partInWords) as Part[],
): string[] {
  return parts.map((part) => partInWords[part](drawing)).filter((text) => text !== '');
}

/** What was guessed, by where it was guessed from. */
export function guessedParts(
  drawing: Drawing,
  sources: DrawingSources,
): { readonly parts: readonly string[]; readonly source: string }[] {
  const bySource = new Map<string, Part[]>();
  for (const part of Object.keys(partInWords) as Part[]) {
    const source = sources[part];
    if (source !== undefined) bySource.set(source, [...(bySource.get(source) ?? []), part]);
  }
  return [...bySource].flatMap(([source, names]) => {
    const parts = drawingParts(drawing, names);
    return parts.length === 0 ? [] : [{ parts, source }];
  });
}

/** How pictures are drawn, in few words: `4 steps, CFG 1, Euler SGM Uniform, 1024×1024`. */
export function describeDrawing(drawing: Drawing): string {
  return drawingParts(drawing).join(', ');
}

/** What was guessed and where from, a line for each source: `4 steps, CFG 1 from its name: “lightning”`. */
export function describeGuesses(drawing: Drawing, sources: DrawingSources): string[] {
  return guessedParts(drawing, sources).map(
    ({ parts, source }) => `${parts.join(', ')} from ${source}`,
  );
}
