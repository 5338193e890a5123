import { describe, expect, it } from 'vitest';
import {
  type GuardState,
  guardStateSchema,
  initialGuardState,
  judge,
} from '../../src/training/collapse-guard.ts';

/** The verdicts on a series of losses, the first one the original model's. */
function verdictsOn(...losses: number[]): string[] {
  let state: GuardState = initialGuardState;
  return losses.map((loss) => {
    const judged = judge(state, loss);
    // As it is kept between two runs.
    state = guardStateSchema.parse(JSON.parse(JSON.stringify(judged.state)));
    return judged.verdict;
  });
}

describe('judge', () => {
  it('takes the first loss as what is normal', () => {
    expect(judge(initialGuardState, 0.2)).toEqual({
      verdict: 'healthy',
      state: { baseline: 0.2, badChecks: 0 },
    });
  });

  it('bears a loss up to a quarter of the way to that of noise', () => {
    expect(verdictsOn(0.2, 0.21, 0.39, 0.1, 0.3)).toEqual(Array(5).fill('healthy'));
  });

  it('bears a small rise where the original predicts no better than zeros', () => {
    expect(verdictsOn(1.08, 1.081, 1.1, 1.17)).toEqual(Array(4).fill('healthy'));
    expect(verdictsOn(1.08, 1.2, 1.2).at(-1)).toBe('collapsed');
  });

  it('stops at the second bad check in a row', () => {
    expect(verdictsOn(0.2, 0.41, 0.41)).toEqual(['healthy', 'suspicious', 'collapsed']);
  });

  it('forgives one', () => {
    expect(verdictsOn(0.2, 0.5, 0.2, 0.5, 0.2)).toEqual([
      ...['healthy', 'suspicious', 'healthy', 'suspicious', 'healthy'],
    ]);
  });

  it('measures against the original, not against the check before', () => {
    expect(verdictsOn(0.2, 0.3, 0.35, 0.41, 0.45).slice(3)).toEqual(['suspicious', 'collapsed']);
  });

  it.each([Number.NaN, Infinity])('stops at once at a loss of %d', (loss) => {
    expect(verdictsOn(0.2, 0.2, loss)).toEqual(['healthy', 'healthy', 'collapsed']);
  });
});
