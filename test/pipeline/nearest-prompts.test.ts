import { describe, expect, it } from 'vitest';

import { nearestPrompts } from '../../src/pipeline/nearest-prompts.ts';

const contexts = new Map(
  Object.entries({ a: [0, 0], b: [0, 1], c: [3, 0], d: [0, -2] }).map(
    ([prompt, values]) => [prompt, Float32Array.from(values)] as const,
  ),
);

describe('nearestPrompts', () => {
  it('gives the nearest first, never the prompt itself nor one twice', () => {
    const among = ['c', 'b', 'a', 'd', 'b'];
    expect(nearestPrompts('a', contexts, { among, count: 2 })).toEqual(['b', 'd']);
    expect(nearestPrompts('a', contexts, { among, count: 9 })).toEqual(['b', 'd', 'c']);
  });
});
