import type { AttackRun, Attempt } from './attack.ts';

/** Points of a curve, behind the one before the first step. */
const points = 4;

/** After how many steps pictures are drawn: at the start, at the end and at even distances between them. */
function drawnAfter(steps: number): number[] {
  const distance = Math.ceil(steps / points);
  const between = Array.from({ length: points }, (_, i) => i * distance);
  return [...new Set([...between.filter((step) => step < steps), steps])];
}

/** Pieces of work of an attack's steps with one model, and of drawing along them. */
export function piecesAlong(steps: number): number {
  return steps + drawnAfter(steps).length;
}

/**
 * Takes an attack's steps, and draws before the first, at even distances and at the end.
 *
 * @throws as `Attack.run`
 */
export async function alongSteps(
  { settings: { steps }, signal, onPiece }: Pick<AttackRun, 'settings' | 'signal' | 'onPiece'>,
  curve: Attempt['curve'],
  work: {
    readonly draw: () => Promise<Pick<Attempt, 'pictures' | 'found'>>;
    readonly step: (index: number) => Promise<unknown>;
  },
): Promise<Attempt[]> {
  const isDrawn = new Set(drawnAfter(steps));
  const attempts: Attempt[] = [];
  for (let done = 0; ; done++) {
    signal.throwIfAborted();
    if (isDrawn.has(done)) {
      attempts.push({ curve, at: done, ...(await work.draw()) });
      onPiece();
    }
    if (done === steps) return attempts;
    await work.step(done);
    onPiece();
  }
}
