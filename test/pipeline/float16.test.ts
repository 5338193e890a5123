import { expect, it } from 'vitest';

import { distance, lossesAndGradients } from './float16.ts';

it('a UNet in 16 bits has the gradient of one in 32, also where its first loss scale is too large', async () => {
  // What is 4000 away overflows float16 with it.
  const asked = { sizes: [1, 4000], basePrecision: 'stored' } as const;
  const expected = await lossesAndGradients('cpu', 'float32', asked);
  const actual = await lossesAndGradients('cpu', 'float16', asked);
  for (const [i, { loss, gradient }] of expected.entries()) {
    expect(actual[i]!.loss / loss).toBeCloseTo(1, 3);
    expect(distance(gradient, actual[i]!.gradient)).toBeLessThan(5e-3);
  }
});
