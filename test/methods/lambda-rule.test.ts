import { describe, expect, it } from 'vitest';
import {
  computeLambda,
  type LambdaRule,
  needsGap,
} from '../../src/methods/erasediff/lambda-rule.ts';
import { combinedNorm, type GradientGeometry } from '../../src/descent/gradient-geometry.ts';
import { createGenerator } from '../../src/tensor/random.ts';

/** |∇L_r| = 2, |∇L_f| = 3 and their product. */
const geometry = (product: number, gap: number | null = null): GradientGeometry => ({
  retainSquare: 4,
  forgetSquare: 9,
  product,
  gap,
});
const nothingToForget: GradientGeometry = {
  retainSquare: 4,
  forgetSquare: 0,
  product: 0,
  gap: 0,
};
const nothingAtAll: GradientGeometry = { ...nothingToForget, retainSquare: 0 };

const constant: LambdaRule = { kind: 'constant', lambda: 0.7 };
const cosine: LambdaRule = { kind: 'cosine', eta: 0.6 };
const norm: LambdaRule = { kind: 'projection', eta: 0.5, budget: 'norm' };
const gap: LambdaRule = { kind: 'projection', eta: 0.5, budget: 'gap' };
const conflict: LambdaRule = { kind: 'conflict', lambda: 2 };

describe('computeLambda', () => {
  it.each<[string, LambdaRule, GradientGeometry, number]>([
    ['constant', constant, geometry(5), 0.7],
    ['constant where nothing is to be forgotten', constant, nothingToForget, 0.7],
    // cos = 3 / (2·3) = 0.5
    ['cosine: η − cos', cosine, geometry(3), 0.6 - 0.5],
    ['cosine of opposed gradients', cosine, geometry(-6), 0.6 + 1],
    ['cosine of gradients that agree by more than η', cosine, geometry(5.4), 0],
    ['cosine where nothing is to be forgotten', cosine, nothingToForget, 0.6],
    ['cosine at a stationary point', cosine, nothingAtAll, 0.6],
    // (0.5·9 − ⟨⟩) / 9
    ['norm budget', norm, geometry(1.8), 0.3],
    ['norm budget of orthogonal gradients is η', norm, geometry(0), 0.5],
    ['norm budget of opposed gradients', norm, geometry(-4.5), 1],
    ['norm budget that retaining alone fulfils', norm, geometry(4.6), 0],
    ['norm budget where nothing is to be forgotten', norm, nothingToForget, 0],
    // (0.5·gap − ⟨⟩) / 9
    ['gap budget', gap, geometry(0.1, 2), 0.1],
    ['gap budget that retaining alone fulfils', gap, geometry(1.1, 2), 0],
    ['gap budget at gap 0: only what opposes is taken out', gap, geometry(-1.8, 0), 0.2],
    ['gap budget at gap 0 of gradients that agree', gap, geometry(1.8, 0), 0],
    ['a negative gap counts as 0', gap, geometry(-1.8, -3), 0.2],
    ['gap budget where nothing is to be forgotten', gap, { ...nothingToForget, gap: 1 }, 0],
    ['conflict of gradients that agree', conflict, geometry(5), 2],
    ['conflict of orthogonal gradients', conflict, geometry(0), 2],
    // 2 / (1 + 2·6/4)
    ['conflict of opposed gradients', conflict, geometry(-6), 0.5],
    ['conflict where nothing is to be kept', conflict, nothingAtAll, 2],
  ])('%s', (_, rule, at, expected) => {
    expect(computeLambda(rule, at)).toBeCloseTo(expected, 7);
  });

  it('takes of forgetting just what its budget asks for', () => {
    const generator = createGenerator(11);
    const dot = (a: Float32Array, b: Float32Array) =>
      a.reduce((sum, element, i) => sum + element * b[i]!, 0);
    let bound = 0;
    for (let i = 0; i < 50; i++) {
      const [retain, forget] = [generator.randn(4), generator.randn(4)];
      const at = {
        retainSquare: dot(retain, retain),
        forgetSquare: dot(forget, forget),
        product: dot(retain, forget),
        gap: null,
      };
      const lambda = computeLambda(norm, at);
      const direction = retain.map((r, j) => r + lambda * forget[j]!);
      // ⟨direction, ∇L_f⟩ ≥ η|∇L_f|², with equality wherever λ > 0.
      const excess = dot(direction, forget) - 0.5 * at.forgetSquare;
      if (lambda > 0) expect(Math.abs(excess)).toBeLessThan(1e-5);
      else expect(excess).toBeGreaterThanOrEqual(0);
      if (lambda > 0) bound += 1;
      expect(combinedNorm(at, lambda)).toBeCloseTo(Math.sqrt(dot(direction, direction)), 5);
    }
    expect(bound).toBeGreaterThan(10);
    expect(bound).toBeLessThan(50);
  });
});

describe('the rule "conflict"', () => {
  it('takes out of forgetting what is along the gradient of keeping, where it is against it', () => {
    const generator = createGenerator(12);
    const dot = (a: Float32Array, b: Float32Array) =>
      a.reduce((sum, element, i) => sum + element * b[i]!, 0);
    let conflicts = 0;
    for (let i = 0; i < 50; i++) {
      const [retain, forget] = [generator.randn(4), generator.randn(4)];
      const product = dot(retain, forget);
      const [retainSquare, forgetSquare] = [dot(retain, retain), dot(forget, forget)];
      const lambda = computeLambda(conflict, { retainSquare, forgetSquare, product, gap: null });
      const along = Math.min(0, product) / retainSquare;
      const expected = retain.map((r, j) => r + 2 * (forget[j]! - along * r));
      const direction = retain.map((r, j) => r + lambda * forget[j]!);
      const scale = Math.sqrt(dot(expected, expected) / dot(direction, direction));
      direction.forEach((d, j) => {
        expect(d * scale).toBeCloseTo(expected[j]!, 4);
      });
      if (product < 0) conflicts += 1;
    }
    expect(conflicts).toBeGreaterThan(10);
    expect(conflicts).toBeLessThan(40);
  });
});

describe('combinedNorm', () => {
  it.each([
    ['orthogonal', { retainSquare: 9, forgetSquare: 16, product: 0, gap: null }, 1, 5],
    ['λ = 0', geometry(3), 0, 2],
    ['opposed and equal', { retainSquare: 1, forgetSquare: 1, product: -1, gap: null }, 1, 0],
    // Rounding may leave less than nothing.
    ['below 0', { retainSquare: 1, forgetSquare: 1, product: -1.0000001, gap: null }, 1, 0],
  ])('%s', (_, at, lambda, expected) => {
    expect(combinedNorm(at, lambda)).toBe(expected);
  });
});

it('only the gap budget needs the loss at φ_K', () => {
  expect([constant, cosine, norm, gap].map(needsGap)).toEqual([false, false, false, true]);
});
