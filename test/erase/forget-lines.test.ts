import { describe, expect, it } from 'vitest';

import { formatForgetLine, parseForgetLine } from '../../src/erase/forget-lines.ts';

describe('parseForgetLine', () => {
  it.each([
    ['a heart', 'a heart', undefined],
    ['a heart => a star', 'a heart', 'a star'],
    ['nude, 1girl  =>  1girl', 'nude, 1girl', '1girl'],
    ['a=>b', 'a=>b', undefined],
    ['x >= y', 'x >= y', undefined],
  ])('reads "%s"', (line, prompt, anchor) => {
    expect(parseForgetLine(line)).toEqual({ prompt, anchor });
  });

  it.each(['a heart =>', 'a heart => ', '=> a star', 'a => b => c'])('refuses "%s"', (line) => {
    expect(() => parseForgetLine(line)).toThrow(/is not a prompt to forget with its anchor/);
  });

  it('reads what formatForgetLine writes', () => {
    const line = { prompt: 'a heart, red', anchor: 'a star, red' };
    expect(parseForgetLine(formatForgetLine(line))).toEqual(line);
  });
});
