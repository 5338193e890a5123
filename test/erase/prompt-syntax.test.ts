import { describe, expect, it } from 'vitest';

import { checkSyntax } from '../../src/erase/prompt-syntax.ts';

describe('checkSyntax', () => {
  it.each([
    ['[cat|dog] in a hat', /"cat in a hat", "dog in a hat"/],
    ['a [cat:dog:0.5]', /"a cat", "a dog"/],
    ['{red|blue} heart', /"red heart", "blue heart"/],
    ['a cat AND a dog :1.2', /a prompt of its own; if the word is meant, write "and"/],
    ['猫 AND 犬', /"AND" joins two pictures/],
    ['a cat ADDCOL a dog', /"ADDCOL" gives each part/],
    ['a __animal__', /"__animal__" is a wildcard/],
    ['__artists/modern*__', /is a wildcard/],
    ['a ${colour} heart', /is a variable/],
    ['("a cat", "a dog").blend(0.5, 0.5)', /InvokeAI/],
    ['<lora:x:1>', /nothing of the prompt/],
    ['embedding:x', /nothing of the prompt/],
    ['# a heart', /nothing of the prompt/],
    ['BREAK', /nothing of the prompt/],
    ['()', /nothing of the prompt/],
  ])('refuses %j, which is no single text', (prompt, message) => {
    expect(() => checkSyntax(['a star', prompt])).toThrow(message);
    expect(() => checkSyntax([prompt])).toThrow(
      expect.objectContaining({ code: 'prompt.invalid' }) as Error,
    );
  });

  it.each([
    ['<lora:x:1>, a heart', /^"<lora:x:1>": left out of the text.*merge the two first/],
    ['embedding:bad-hands-5, a heart', /^"embedding:bad-hands-5": left out/],
    ['a heart # red', /^"# red": left out as a comment/],
    ['a heart #1', /^"#1": read as it stands/],
    ['C# logo', /^"C#": read as it stands/],
    ['<cat-toy> on a table', /^"<cat-toy>": read as plain words/],
    ['a heart, EasyNegative', /^"EasyNegative": read as plain words/],
    ['(bad-hands-5:1.2), a heart', /^"bad-hands-5": read as plain words/],
    ['a heart++', /^"heart\+\+": read as text.*InvokeAI/],
    ['{a heart}', /^"\{a heart\}": read as text.*NovelAI/],
    ['(a heart:1,3)', /read as text, not as a weight/],
    ['(a heart BREAK a star:1.2)', /BREAK inside brackets is read as a word/],
    ['ROCK AND ROLL', /^"AND": read as the word "and"/],
  ])('warns of %j', (prompt, warning) => {
    expect(checkSyntax([prompt])).toEqual([expect.stringMatching(warning)]);
  });

  it.each([
    ...['a cat and a dog', 'a sandy hand', 'BAND AID', 'A_AND_B', 'a (cat) [dog]', '((word))'],
    ...['a heart BREAK a star', '\\(fate\\)', '\\[a|b\\]', 'a|b', '[16:9]', 'title: subtitle'],
    ...['c++ code', 'a house -- at night', 'i <3 you', 'a_b __', '____', 'long_hair, 1girl', '18+'],
    ...['a heart :)', '>:(', '|_|', 'https://a.b/c', '[x:y]', 'bad hands, a bad dream'],
  ])('takes %j without a word', (prompt) => {
    expect(checkSyntax([prompt])).toEqual([]);
  });

  it('says each thing once, and names no more than a few', () => {
    const prompts = ['a', 'b', 'c', 'd', 'd'].map((name) => `a heart <lora:${name}:1>`);
    expect(checkSyntax(prompts)).toEqual([
      expect.stringMatching(/^"<lora:a:1>", "<lora:b:1>", "<lora:c:1>" and 1 more: /),
    ]);
  });
});
