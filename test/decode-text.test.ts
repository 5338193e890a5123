import { describe, expect, it } from 'vitest';

import { decodeText } from '../src/decode-text.ts';

const text = 'a “red” heart, 心 ❤️ é\r\n';
const utf16le = Buffer.from(text, 'utf16le');
const utf16be = Buffer.from(utf16le).swap16();
const utf32le = Buffer.concat(
  Array.from(text, (character) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(character.codePointAt(0) ?? 0);
    return bytes;
  }),
);
const utf32be = Buffer.from(utf32le).swap32();
const bytes = (...values: number[]) => Buffer.from(values);

describe('decodeText', () => {
  it.each([
    ['UTF-8', Buffer.from(text)],
    ['UTF-8 with a mark', Buffer.from(`\uFEFF${text}`)],
    ['UTF-16 LE', Buffer.concat([bytes(0xff, 0xfe), utf16le])],
    ['UTF-16 BE', Buffer.concat([bytes(0xfe, 0xff), utf16be])],
    ['UTF-32 LE', Buffer.concat([bytes(0xff, 0xfe, 0, 0), utf32le])],
    ['UTF-32 BE', Buffer.concat([bytes(0, 0, 0xfe, 0xff), utf32be])],
  ])('reads %s', (_, content) => {
    expect(decodeText(content)).toBe(text);
    // Not from the beginning of its memory.
    expect(decodeText(Buffer.concat([bytes(1), content]).subarray(1))).toBe(text);
  });

  it('reads what has a mark and nothing else as empty', () => {
    for (const mark of [[0xef, 0xbb, 0xbf], [0xff, 0xfe], [0xff, 0xfe, 0, 0], []]) {
      expect(decodeText(bytes(...mark))).toBe('');
    }
  });

  it.each([
    [
      'Windows-1252',
      Buffer.from('caf\xe9 heart', 'latin1'),
      /^is not UTF-8 text \(byte 4 is 0xE9\)/,
    ],
    ['Shift JIS', bytes(0x83, 0x6e, 0x81, 0x5b), /^is not UTF-8 text \(byte 1 is 0x83\)/],
    ['a cut character', Buffer.from('heart é').subarray(0, 7), /^is not UTF-8 text \(byte 7/],
    ['GB18030 by its mark', bytes(0x84, 0x31, 0x95, 0x33, 0x61), /^is not UTF-8 text \(byte 1/],
    ['a PNG', bytes(0x89, 0x50, 0x4e, 0x47), /byte 1 is 0x89/],
    ['NULs', Buffer.alloc(4), /^holds NUL bytes/],
    ['a NUL in text', Buffer.from('a heart\0'), /^holds NUL bytes/],
    ['UTF-16 LE without a mark', Buffer.from('a heart', 'utf16le'), /^looks like UTF-16 without/],
    ['UTF-16 BE without a mark', Buffer.from('a heart', 'utf16le').swap16(), /^looks like UTF-16/],
    ['half of UTF-16', bytes(0xff, 0xfe, 0x61, 0, 0x62), /^begins as UTF-16LE text, but goes on/],
    ['a lone surrogate', bytes(0xff, 0xfe, 0, 0xd8), /^begins as UTF-16LE/],
    ['a surrogate in UTF-32', bytes(0xff, 0xfe, 0, 0, 0, 0xd8, 0, 0), /^begins as UTF-32LE/],
    ['no character of UTF-32', bytes(0, 0, 0xfe, 0xff, 0, 0x11, 0, 0), /^begins as UTF-32BE/],
    ['half of UTF-32', bytes(0xff, 0xfe, 0, 0, 0x61, 0), /^begins as UTF-32LE/],
  ])('refuses %s, and says how to mend it', (_, content, reason) => {
    expect(() => decodeText(content)).toThrow(reason);
    expect(() => decodeText(content)).toThrow(/save it.*as UTF-8/);
  });
});
