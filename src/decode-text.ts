/**
 * The text of a file as editors of every system write it: UTF-8, or by their byte order marks UTF-16
 * and UTF-32, of either byte order; without the mark.
 *
 * Other encodings are not guessed: what a byte of Windows-1252 or Shift JIS means nobody can tell for
 * sure, and a wrong guess is trained on.
 *
 * @throws Error with a message for people, the end of a sentence on the file
 */
export function decodeText(bytes: Uint8Array): string {
  const { encoding, skip } = encodingOf(bytes);
  const content = bytes.subarray(skip);
  const text = encoding.startsWith('utf-32')
    ? decodeUtf32(content, encoding === 'utf-32le')
    : decode(content, encoding);
  if (text === null) {
    throw new Error(
      skip > 0
        ? `begins as ${encoding.toUpperCase()} text, but goes on as something else: save it again as UTF-8`
        : `is not UTF-8 text (${firstFault(bytes)}): save it as UTF-8, or leave it out if it is no text`,
    );
  }
  if (text.includes('\0')) throw new Error(describeNuls(bytes));
  return text;
}

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'utf-32le' | 'utf-32be';

/** UTF-32 first: its little-endian mark begins with that of UTF-16. */
const marks: readonly (readonly [Encoding, readonly number[]])[] = [
  ['utf-32le', [0xff, 0xfe, 0, 0]],
  ['utf-32be', [0, 0, 0xfe, 0xff]],
  ['utf-16le', [0xff, 0xfe]],
  ['utf-16be', [0xfe, 0xff]],
  ['utf-8', [0xef, 0xbb, 0xbf]],
];

function encodingOf(bytes: Uint8Array): { encoding: Encoding; skip: number } {
  for (const [encoding, mark] of marks) {
    if (mark.every((byte, i) => bytes[i] === byte)) return { encoding, skip: mark.length };
  }
  return { encoding: 'utf-8', skip: 0 };
}

function decode(bytes: Uint8Array, encoding: Encoding): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** What `TextDecoder` does not know. */
function decodeUtf32(bytes: Uint8Array, isLittleEndian: boolean): string | null {
  if (bytes.length % 4 !== 0) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    const code = view.getUint32(at, isLittleEndian);
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return null;
    text += String.fromCodePoint(code);
  }
  return text;
}

/** Where text ceases to be UTF-8. */
function firstFault(bytes: Uint8Array): string {
  const [whole = ''] = new TextDecoder('utf-8', { ignoreBOM: true })
    .decode(bytes)
    .split('\uFFFD', 1);
  const at = new TextEncoder().encode(whole).length;
  const value = (bytes[at] ?? 0).toString(16).toUpperCase().padStart(2, '0');
  return `byte ${at + 1} is 0x${value}`;
}

/** NULs are in no text; in every other byte they tell UTF-16 without its mark. */
function describeNuls(bytes: Uint8Array): string {
  const count = (first: number, step: number) => {
    let nuls = 0;
    for (let at = first; at < bytes.length; at += step) if (bytes[at] === 0) nuls++;
    return nuls / Math.max(1, Math.floor(bytes.length / step));
  };
  const isUtf16 = Math.abs(count(0, 2) - count(1, 2)) > 0.5;
  return isUtf16
    ? 'looks like UTF-16 without a byte order mark: save it as UTF-8'
    : 'holds NUL bytes, which are in no text: save it as UTF-8, or leave it out if it is no text';
}
