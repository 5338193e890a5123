import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { parseEmphasis } from '../../src/tokenizer/parse-emphasis.ts';

/** Segments as AUTOMATIC1111 writes them: [text, weight], a break as 'BREAK'. */
const parse = (prompt: string): (string | [string, number])[] =>
  parseEmphasis(prompt).map((segment) =>
    segment.kind === 'break' ? 'BREAK' : [segment.text, Number(segment.weight.toFixed(6))],
  );

describe('parseEmphasis', () => {
  it.each([
    ['normal text', [['normal text', 1]]],
    [
      'an (important) word',
      [
        ['an ', 1],
        ['important', 1.1],
        [' word', 1],
      ],
    ],
    ['(unbalanced', [['unbalanced', 1.1]]],
    ['unbalanced) too]', [['unbalanced) too]', 1]]],
    ['\\(literal\\]', [['(literal]', 1]]],
    ['(unnecessary)(parens)', [['unnecessaryparens', 1.1]]],
    ['[less]', [['less', 0.909091]]],
    [
      'a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).',
      [
        ['a ', 1],
        ['house', 1.573],
        [' ', 1.1],
        ['on', 1],
        [' a ', 1.1],
        ['hill', 0.55],
        [', sun, ', 1.1],
        ['sky', 1.4641],
        ['.', 1.1],
      ],
    ],
    ['', [['', 1]]],
  ])('reads %j as AUTOMATIC1111 documents it', (prompt, expected) => {
    expect(parse(prompt)).toEqual(expected);
  });

  const golden = JSON.parse(
    readFileSync(new URL('../golden/prompt-segments.json', import.meta.url), 'utf8'),
  ) as [prompt: string, segments: [text: string, weight: number][]][];
  it.each(golden)("reads %j as AUTOMATIC1111's parser does", (prompt, segments) => {
    const expected = segments.map(([text, weight]) =>
      text === 'BREAK' && weight === -1 ? 'BREAK' : [text, Number(weight.toFixed(6))],
    );
    expect(parse(prompt)).toEqual(expected);
  });

  it('drops a backslash that escapes nothing and keeps an escaped one', () => {
    expect(parse('a\\b \\\\ c')).toEqual([['ab \\ c', 1]]);
  });

  it('takes a weight with spaces and a sign, and leaves a colon in plain text', () => {
    expect(parse('(dark: -0.5 )')).toEqual([['dark', -0.5]]);
    expect(parse('ratio 16:9')).toEqual([['ratio 16:9', 1]]);
    expect(parse('16:9)')).toEqual([['16:9)', 1]]);
  });

  it('takes a weight that is no number for text', () => {
    expect(parse('(dark:1.2.3)')).toEqual([['dark:1.2.3', 1.1]]);
  });

  it('finds BREAK as a word of its own, and not inside brackets, which give it a weight', () => {
    expect(parse('a cat BREAK a dog')).toEqual([['a cat', 1], 'BREAK', ['a dog', 1]]);
    expect(parse('(a BREAK b:2)')).toEqual([
      ['a', 2],
      ['BREAK', -2],
      ['b', 2],
    ]);
    expect(parse('(a BREAK b:1)')).toEqual([['a', 1], 'BREAK', ['b', 1]]);
    expect(parse('BREAKFAST éBREAK')).toEqual([['BREAKFAST éBREAK', 1]]);
  });
});
