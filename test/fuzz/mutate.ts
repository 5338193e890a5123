import type { Seed } from './subject.ts';

/** Numbers that break what counts: at the edges of what fits, and beyond. */
const edges = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff];
/** Texts that mean something to parsers, paths and prototypes. */
const words = [
  '__proto__',
  '../../x',
  '..\\..\\x',
  '/etc/passwd',
  'C:\\x',
  '\0',
  '\r\n\r\n',
  '{"a":'.repeat(50),
  '[[[[[[[[[[[[[[[[',
  '&a [*a, *a]',
  '!!js/function x',
  '1e999',
  '-1',
  '18446744073709551615',
  'NaN',
  'null',
  '"',
  '\ud800',
  '{x}',
  '%00',
  'a'.repeat(5000),
];

type Random = () => number;
type Mutation = (bytes: Buffer, random: Random) => Buffer;

const at = (bytes: Buffer, random: Random) => Math.floor(random() * (bytes.length + 1));
const any = <T>(list: readonly T[], random: Random): T => list[Math.floor(random() * list.length)]!;

const mutations: readonly Mutation[] = [
  // A bit.
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    const i = Math.floor(random() * copy.length);
    if (copy.length > 0) copy[i] = copy[i]! ^ (1 << Math.floor(random() * 8));
    return copy;
  },
  // A number at an edge, of one to eight bytes in either order.
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    const width = any([1, 2, 4, 8], random);
    const value = BigInt.asUintN(
      8 * width,
      BigInt(any(edges, random)) * (random() < 0.2 ? -1n : 1n),
    );
    const number = Buffer.alloc(8);
    if (random() < 0.5) number.writeBigUInt64LE(value);
    else number.writeBigUInt64BE(value << BigInt(64 - 8 * width));
    number.copy(copy, at(bytes, random), 0, width);
    return copy;
  },
  // Cut off, as a transfer that ended.
  (bytes, random) => bytes.subarray(0, at(bytes, random)),
  // Something left out, something twice.
  (bytes, random) => {
    const [from, to] = [at(bytes, random), at(bytes, random)].sort((a, b) => a - b) as [
      number,
      number,
    ];
    return random() < 0.5
      ? Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
      : Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  // A word put in.
  (bytes, random) => {
    const i = at(bytes, random);
    const word = Buffer.from(any(words, random));
    return Buffer.concat([bytes.subarray(0, i), word, bytes.subarray(i)]);
  },
  // A number in the text made another.
  (bytes, random) => {
    const text = bytes.toString('latin1');
    const numbers = [...text.matchAll(/\d+/g)];
    const found = numbers[Math.floor(random() * numbers.length)];
    if (!found) return bytes;
    const number = any(['-1', '0', '1e400', '9007199254740993', '0.5', String(random())], random);
    const end = found.index + found[0].length;
    return Buffer.from(text.slice(0, found.index) + number + text.slice(end), 'latin1');
  },
];

/** Some more, or all of it is as it was. */
const MOST_MUTATIONS = 4;

/** A hostile input made of a good one; one in twenty stays good, so that the way in stays open. */
export function makeHostile(seed: Seed, random: Random): Buffer {
  if (Buffer.isBuffer(seed)) return mutate(seed, random);
  const { head, body } = seed;
  return random() < 0.7
    ? Buffer.concat([head, mutate(body, random)])
    : mutate(Buffer.concat([head, body]), random);
}

function mutate(seed: Buffer, random: Random): Buffer {
  if (random() < 0.05) return seed;
  let bytes = seed;
  const times = 1 + Math.floor(random() * MOST_MUTATIONS);
  for (let i = 0; i < times; i++) bytes = any(mutations, random)(bytes, random);
  return bytes;
}

/** One of a list. */
export const pick = any;
