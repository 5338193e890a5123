import type { FileHandle } from 'node:fs/promises';

/** Where an entry of an archive lies, as it is: nothing of it is packed. */
export interface ZipEntry {
  readonly name: string;
  /** First byte of its content, from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

const END = 0x06054b50;
const END_64 = 0x06064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
/** An end record with the longest comment that it may have. */
const MAX_END_BYTES = 22 + 0xffff;
/** PyTorch writes one for each tensor. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;
/** In fields of 32 bits: the number stands in the entry's extra field. */
const IN_EXTRA = 0xffffffff;

/**
 * The entries of a zip archive whose entries are stored, as PyTorch writes it.
 * (PKWARE, APPNOTE.TXT 6.3, 4.3)
 *
 * @returns null for what is no such archive, one that is packed or cut off
 */
export async function readZipEntries(
  handle: FileHandle,
  fileBytes: number,
): Promise<ZipEntry[] | null> {
  const directory = await readDirectory(handle, fileBytes);
  if (!directory) return null;
  const entries: ZipEntry[] = [];
  for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === ENTRY;) {
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30);
    const commentBytes = directory.readUInt16LE(at + 32);
    if (directory.readUInt16LE(at + 10) !== 0) return null;
    const extra = directory.subarray(nameEnd, extraEnd);
    const place = placeOf(directory.subarray(at, at + 46), extra);
    const offset = place && (await contentOffset(handle, place.local));
    if (!offset || offset + place.bytes > fileBytes) return null;
    entries.push({
      name: directory.toString('utf8', at + 46, nameEnd),
      offset,
      bytes: place.bytes,
    });
    at = extraEnd + commentBytes;
  }
  return entries;
}

async function readDirectory(handle: FileHandle, fileBytes: number): Promise<Buffer | null> {
  const tail = await read(handle, Math.max(0, fileBytes - MAX_END_BYTES), fileBytes);
  for (let at = tail.length - 22; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END) continue;
    let [bytes, offset] = [tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)];
    if (offset === IN_EXTRA || bytes === IN_EXTRA) {
      // The locator before the record says where the larger one is.
      if (at < 20) return null;
      const end64 = Number(tail.readBigUInt64LE(at - 20 + 8));
      if (!Number.isSafeInteger(end64)) return null;
      const record = await read(handle, end64, Math.min(end64 + 56, fileBytes));
      if (record.length < 56 || record.readUInt32LE(0) !== END_64) return null;
      bytes = Number(record.readBigUInt64LE(40));
      offset = Number(record.readBigUInt64LE(48));
    }
    if (offset + bytes > fileBytes || bytes > MAX_DIRECTORY_BYTES) return null;
    return read(handle, offset, offset + bytes);
  }
  return null;
}

/** Size and place of an entry, the large numbers from its extra field. */
function placeOf(entry: Buffer, extra: Buffer): { bytes: number; local: number } | null {
  const fields = [entry.readUInt32LE(24), entry.readUInt32LE(20), entry.readUInt32LE(42)];
  let large = 0;
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) === 1) large = at + 4;
  }
  const [bytes = 0, , local = 0] = fields.map((value) => {
    if (value !== IN_EXTRA) return value;
    if (large === 0 || large + 8 > extra.length) return Number.NaN;
    large += 8;
    return Number(extra.readBigUInt64LE(large - 8));
  });
  return Number.isSafeInteger(bytes) && Number.isSafeInteger(local) ? { bytes, local } : null;
}

/** What stands before an entry's content may have another length than in the directory. */
async function contentOffset(handle: FileHandle, local: number): Promise<number | null> {
  const header = await read(handle, local, local + 30);
  if (header.length < 30 || header.readUInt32LE(0) !== LOCAL) return null;
  return local + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
}

async function read(handle: FileHandle, from: number, to: number): Promise<Buffer> {
  const buffer = Buffer.alloc(Math.max(0, to - from));
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
  return buffer.subarray(0, bytesRead);
}
