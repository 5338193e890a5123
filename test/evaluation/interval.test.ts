import { describe, expect, it } from 'vitest';

import { meanInterval, shareInterval } from '../../src/evaluation/interval.ts';

const ones = (count: number, of: number) => Array.from({ length: of }, (_, i) => Number(i < count));

describe('intervals', () => {
  // scipy.stats.binomtest(k, n).proportion_ci(method='wilson')
  it.each([
    [0, 10, 0, 0.27753],
    [3, 10, 0.10779, 0.60322],
    [190, 200, 0.91042, 0.97262],
    [200, 200, 0.98116, 1],
  ])('of %i among %i are those of Wilson', (count, of, low, high) => {
    const [actualLow, actualHigh] = shareInterval(ones(count, of));
    expect(actualLow).toBeCloseTo(low, 4);
    expect(actualHigh).toBeCloseTo(high, 4);
  });

  it('of a mean have its standard error', () => {
    expect(meanInterval([1, 2, 3, 4])).toEqual([
      expect.closeTo(2.5 - 1.959964 * 0.645497, 5),
      expect.closeTo(2.5 + 1.959964 * 0.645497, 5),
    ]);
    expect(meanInterval([0.25])).toEqual([0.25, 0.25]);
  });
});
