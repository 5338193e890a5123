import * as z from 'zod';

import { type Drawing, drawingFields } from './drawing.ts';

/** Other names for parts of a drawing: `size` for a square, and those that jobs of version 2 had. */
export const drawingSpellings = {
  size: drawingFields.width,
  guidanceScale: drawingFields.drawCfg,
  generationSteps: drawingFields.drawSteps,
};
export type DrawingSpellings = {
  readonly [K in keyof typeof drawingSpellings]?: z.infer<(typeof drawingSpellings)[K]> | undefined;
};

/** Settings with these names brought to their own; what stands under its own name goes before. */
export function foldDrawing<T extends DrawingSpellings>({
  size,
  guidanceScale,
  generationSteps,
  ...rest
}: T): Omit<T, keyof DrawingSpellings> & Partial<Drawing> {
  const spelled = { width: size, height: size, drawCfg: guidanceScale, drawSteps: generationSteps };
  const all = [...Object.entries(spelled), ...Object.entries(rest)];
  return Object.fromEntries(all.filter(([, value]) => value !== undefined)) as Omit<
    T,
    keyof DrawingSpellings
  >;
}
