import { describe, expect, it } from 'vitest';

import { createClipTokenizer } from '../../src/tokenizer/clip-tokenizer.ts';
import { findChoice } from '../../src/tokenizer/prompt-choices.ts';
import { chunkPrompt } from '../../src/tokenizer/prompt-chunks.ts';
import { promptWords } from '../../src/tokenizer/prompt-words.ts';

const tokenizer = createClipTokenizer();

describe('promptWords', () => {
  it.each([
    ...['A  HEART', ' a\theart ', 'a\u{a0}heart', '(a heart:1.1)', '[[a heart]]', 'a heart.'],
    ...['a_heart', 'a-heart', '"a heart"', '“a heart”', 'a, heart,', 'a heart!', 'a heart BREAK'],
    ...[
      'ａ　ｈｅａｒｔ',
      'a\u{200b} heart',
      'a hea\u{ad}rt',
      '\u{feff}a heart',
      'a <lora:x:0.8>heart',
    ],
    ...['a heart # as before', '// as before\na heart', 'a /* red */ heart'],
    '(embedding:bad-hands-5:1.2) a heart',
  ])('are those of "a heart" in %j', (prompt) => {
    expect(promptWords(prompt)).toEqual(['a', 'heart']);
  });

  it.each([
    ['cafe\u{301}', 'café'],
    ['dog’s', "dog's"],
    ['❤️', '❤'],
    ['ﬁsh', 'fish'],
    ['saber \\(fate\\)', 'Saber (Fate)'],
    ['1girl,solo', '1girl, solo'],
    // The same token ids: letters and digits are cut apart.
    ['heart2', 'heart 2'],
  ])('are the same of %j and %j', (one, other) => {
    expect(promptWords(one)).toEqual(promptWords(other));
  });

  it.each([
    ['a heart', 'heart'],
    ['c++', 'c'],
    ['c#', 'c'],
    ["dog's", 'dogs'],
    ['café', 'cafe'],
    ['16:9', '169'],
    [':)', ';)'],
    ['!!!', '...'],
    ['aheart', 'a heart'],
  ])('are others of %j than of %j', (one, other) => {
    expect(promptWords(one)).not.toEqual(promptWords(other));
  });
});

describe('a prompt that names networks or has comments', () => {
  it.each([
    ['a heart <lora:style:0.8>', 'a heart'],
    ['<lyco:a:1><hypernet:b>a heart', 'a heart'],
    ['embedding:EasyNegative, a heart', ', a heart'],
    ['a heart # red\n, big', 'a heart\n, big'],
    ['a heart // red', 'a heart'],
  ])('has the token ids of its text: %j', (prompt, text) => {
    expect(chunkPrompt(prompt, tokenizer)).toEqual(chunkPrompt(text, tokenizer));
  });

  it.each(['i <3 you', 'a > b', 'C# logo', '#1 dad', '#ff8800 heart', 'https://a.b', 'and/or'])(
    'is not every one with such signs: %j',
    (prompt) => {
      const ids = chunkPrompt(prompt, tokenizer)[0]?.ids.slice(
        1,
        1 + tokenizer.encode(prompt).length,
      );
      expect(ids).toEqual(tokenizer.encode(prompt));
    },
  );
});

describe('findChoice', () => {
  it.each([
    ['a [cat|dog] here', 'alternate', ['a cat here', 'a dog here']],
    ['([cat | dog | cow]:1.2)', 'alternate', ['(cat:1.2)', '(dog:1.2)', '(cow:1.2)']],
    ['[cat|]', 'alternate', ['cat']],
    ['a [cat:dog:0.5]', 'schedule', ['a cat', 'a dog']],
    ['a [cat::10] here', 'schedule', ['a cat here', 'a here']],
    ['a [:cat:.5]', 'schedule', ['a', 'a cat']],
    ['a [cat: 0.5 ]', 'schedule', ['a', 'a cat']],
    ['[(cat:1.2):dog:0.5]', 'schedule', ['(cat:1.2)', 'dog']],
    ['{red|blue} heart', 'random', ['red heart', 'blue heart']],
    ['{2$$ and $$red|blue} heart', 'random', ['red heart', 'blue heart']],
    ['{0.5::red|2::blue} heart', 'random', ['red heart', 'blue heart']],
  ])('finds the one of %j', (prompt, kind, variants) => {
    expect(findChoice(prompt)).toMatchObject({ kind, variants });
  });

  it.each([
    ...['a [cat]', '[[cat]]', 'a (cat:1.2)', 'a|b', '\\[a|b\\]', '[16:9]', '[a: b]', '[a:b:c]'],
    ...['{heart}', '[a', 'a]', '|_|', '[|_|]', ':) [x]', 'ratio 16:9', '(a|b)'],
  ])('finds none in %j', (prompt) => {
    expect(findChoice(prompt)).toBeNull();
  });
});
