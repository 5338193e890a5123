import { describe, expect, it } from 'vitest';

import {
  MAX_HEADER_BYTES,
  parseSafetensorsHeader,
  readHeaderLength,
  serializeSafetensorsHeader,
} from '../../src/checkpoint/safetensors-header.ts';

/** Parses a header whose file has `dataBytes` bytes after it. */
function parse(header: string | object, dataBytes: number) {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  return parseSafetensorsHeader(json, 8 + json.byteLength + dataBytes, 'a.safetensors');
}

const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('a safetensors header', () => {
  it('gives tensors in its own order, with offsets in the file', () => {
    const { tensors, metadata, dataOffset } = parse(
      '{"b":{"dtype":"F16","shape":[2,2],"data_offsets":[4,12]},"__metadata__":{"format":"pt"},"10":{"dtype":"U8","shape":[],"data_offsets":[12,13]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      13,
    );
    expect([...tensors.keys()]).toEqual(['b', '10', 'a']);
    expect(tensors.get('b')).toEqual({
      name: 'b',
      dtype: 'F16',
      shape: [2, 2],
      fileOffset: dataOffset + 4,
      byteLength: 8,
    });
    expect([...metadata]).toEqual([['format', 'pt']]);
  });

  it('may be as large as the format allows, and is read without stopping a server', () => {
    const about = (text: string) => ({ a: f32(0, 4), __metadata__: { recipe: text, 'ü"': 'é\n' } });
    const overhead = Buffer.byteLength(JSON.stringify(about('')));
    // The longest text, and the one with the most to look at.
    for (const text of ['x'.repeat(MAX_HEADER_BYTES - overhead), '\\"'.repeat(2e7)]) {
      const json = Buffer.from(JSON.stringify(about(text)));
      // Not of the clock: other tests run at the same time.
      const started = process.cpuUsage();
      const { metadata, tensors } = parseSafetensorsHeader(json, 8 + json.length + 4, 'a');
      const { user, system } = process.cpuUsage(started);
      expect([metadata.get('recipe') === text, metadata.get('ü"'), tensors.size]).toEqual([
        true,
        'é\n',
        1,
      ]);
      expect((user + system) / 1e6).toBeLessThan(2);
    }
  });

  it('may describe empty tensors, which share their place with another', () => {
    const { tensors } = parse({ b: f32(0, 8), none: f32(0, 0, [0, 3]) }, 8);
    expect(tensors.size).toBe(2);
  });

  it('is written so that it reads back the same, data at a multiple of 8 bytes', () => {
    const { tensors, metadata } = parse(
      { 7: f32(0, 8), 'ü "x"': f32(8, 12), __metadata__: { a: 'é' } },
      12,
    );
    const bytes = serializeSafetensorsHeader(tensors.values(), metadata);
    expect(bytes.subarray(8, 10).toString()).toBe('{"');
    expect(bytes.byteLength % 8).toBe(0);
    const again = parseSafetensorsHeader(bytes.subarray(8), bytes.byteLength + 12, 'b');
    expect([...again.tensors.values()].map(({ name, shape }) => [name, shape])).toEqual(
      [...tensors.values()].map(({ name, shape }) => [name, shape]),
    );
    expect(again.metadata).toEqual(metadata);
  });

  it('treats names of object internals as names', () => {
    const header =
      '{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"constructor":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"__metadata__":{"__proto__":"text"}}';
    const { tensors, metadata } = parse(header, 8);
    expect([...tensors.keys()]).toEqual(['__proto__', 'constructor']);
    expect(metadata.get('__proto__')).toBe('text');
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
  });
});

describe('a damaged safetensors header', () => {
  const entry = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
  const cases: [what: string, header: string | object, dataBytes: number, message: RegExp][] = [
    ['overlapping tensors', { a: f32(0, 8), b: f32(4, 12) }, 12, /"b" overlaps tensor "a"/],
    ['the same bytes twice', { a: f32(0, 8), b: f32(0, 8) }, 8, /overlaps/],
    ['a hole between tensors', { a: f32(0, 4), b: f32(8, 12) }, 12, /4 bytes between .*"a".*"b"/],
    ['a hole before the first tensor', { a: f32(4, 8) }, 8, /4 bytes between the header/],
    ['bytes after the last tensor', { a: f32(0, 4) }, 9, /5 bytes after tensor "a"/],
    ['data without tensors', {}, 4, /4 bytes after the header/],
    ['a file that was cut off', { a: f32(0, 4), b: f32(4, 400) }, 100, /"b" ends at .*cut off/],
    ['too few bytes for the shape', { a: f32(0, 96, [4, 8]) }, 96, /needs 128 bytes.*gives 96/],
    ['offsets in reverse', { a: f32(8, 4, [1]) }, 8, /gives -4/],
    ['an unknown type', { a: { ...f32(0, 4), dtype: 'F37' } }, 4, /unknown type "F37"/],
    ['a type named like a method', { a: { ...f32(0, 4), dtype: 'valueOf' } }, 4, /unknown type/],
    ['no type', { a: { shape: [1], data_offsets: [0, 4] } }, 4, /unknown type nothing/],
    ['a negative dimension', { a: f32(0, 4, [-1, -1]) }, 4, /shape \[-1,-1\]/],
    ['a fractional dimension', { a: f32(0, 4, [0.5, 2]) }, 4, /shape \[0.5,2\]/],
    ['a dimension as text', { a: { ...f32(0, 4), shape: ['1'] } }, 4, /shape \["1"\]/],
    ['dimensions whose product overflows', { a: f32(0, 4, [2 ** 52, 2 ** 52]) }, 4, /needs/],
    ['a dimension beyond exact numbers', { a: f32(0, 4, [2 ** 60]) }, 4, /shape/],
    ['an offset beyond exact numbers', { a: f32(0, 2 ** 60, [1]) }, 4, /data_offsets/],
    ['negative offsets', { a: f32(-4, 0, [1]) }, 4, /data_offsets \[-4,0\]/],
    ['three offsets', { a: { ...f32(0, 4), data_offsets: [0, 4, 8] } }, 4, /data_offsets/],
    ['no offsets', { a: { dtype: 'F32', shape: [1] } }, 4, /data_offsets nothing/],
    ['a tensor that is a number', { a: 5 }, 4, /not described by an object/],
    ['a name twice', `{"a":${entry},"a":${entry}}`, 4, /has "a" twice/],
    ['a name twice, once escaped', `{"a":${entry},"\\u0061" :${entry}}`, 4, /has "a" twice/],
    [
      'offsets given twice',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"data_offsets":[4,8]}}',
      8,
      /has "data_offsets" twice/,
    ],
    ['metadata that is a list', { __metadata__: ['x'] }, 0, /__metadata__ is not an object/],
    ['metadata that is not text', { __metadata__: { steps: 5 } }, 0, /entry "steps" is 5/],
  ];

  it.each(cases)('is refused for %s', (_what, header, dataBytes, message) => {
    expect(() => parse(header, dataBytes)).toThrow(
      expect.objectContaining({
        code: 'checkpoint.damaged',
        message: expect.stringMatching(message) as string,
      }),
    );
  });

  it.each([
    ['text that is not JSON', '{"a": '],
    ['a list', '[]'],
    ['nothing but space', '  '],
    ['an object that has no end', '{"a":{}'],
    ['a comma too many', '{"__metadata__":{},}'],
    ['no comma', '{"__metadata__":{"a":"b" "c":"d"}}'],
    ['something after its end', '{} {}'],
    ['a key that is no text', '{a:1}'],
    ['text with a bare line end', '{"__metadata__":{"a":"\n"}}'],
    ['a number that is none', '{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}'],
    ['a number', '12'],
    ['null', 'null'],
    ['deeply nested lists', '['.repeat(200_000)],
  ])('is refused for %s', (_what, header) => {
    expect(() => parse(header, 0)).toThrow(
      expect.objectContaining({ code: 'checkpoint.not-safetensors' }),
    );
  });

  it('is refused for bytes that are not UTF-8', () => {
    const json = Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]);
    expect(() => parseSafetensorsHeader(json, 16, 'a')).toThrow(/not JSON/);
  });

  it('is refused for more than can be of a model', () => {
    const many = Object.fromEntries(Array.from({ length: 100_001 }, (_, i) => [i, '']));
    expect(() => parse({ __metadata__: many }, 0)).toThrow(/more than 100000 entries/);
    const deep = '['.repeat(100_000);
    expect(() => parse(`{"a":${deep}${']'.repeat(100_000)}}`, 0)).toThrow(/described by 200000/);
    expect(() => parse(`{"__metadata__":{"a":${deep}}}`, 0)).toThrow(/not JSON/);
  });

  it('keeps messages short however long the names are', () => {
    expect(() => parse({ ['x'.repeat(1e6)]: 5 }, 0)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{1,400}$/) as string }),
    );
  });
});

describe('the length of a header', () => {
  const length = (bytes: bigint) => {
    const start = Buffer.alloc(8);
    start.writeBigUInt64LE(bytes);
    return start;
  };

  it('is read from the first 8 bytes', () => {
    expect(readHeaderLength(length(40n), 100, 'a')).toBe(40);
  });

  it.each([
    ['2^64 - 1 bytes', 2n ** 64n - 1n],
    ['one byte over the limit', BigInt(MAX_HEADER_BYTES) + 1n],
    ['nothing', 0n],
  ])('is refused at %s', (_what, bytes) => {
    expect(() => readHeaderLength(length(bytes), 1e12, 'a.safetensors')).toThrow(
      expect.objectContaining({
        code: 'checkpoint.not-safetensors',
        message: expect.stringContaining(`header of ${bytes.toString()} bytes`) as string,
      }),
    );
  });

  it('is refused beyond the end of the file', () => {
    expect(() => readHeaderLength(length(4000n), 100, 'a')).toThrow(
      expect.objectContaining({ code: 'checkpoint.damaged' }),
    );
  });

  it('is refused for an empty and a very short file', () => {
    expect(() => readHeaderLength(new Uint8Array(), 0, 'a')).toThrow(/is empty/);
    expect(() => readHeaderLength(new Uint8Array(5), 5, 'a')).toThrow(/only 5 bytes/);
  });
});
