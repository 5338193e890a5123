import { AppError } from '../errors.ts';
import { type Dtype, dtypeBytes, dtypes, isDtype } from '../tensor/dtype.ts';
import { elementCount } from '../tensor/shape.ts';
import { scanJsonKeys } from './json-keys.ts';

/** Where one tensor of a safetensors file lies and how its bytes are to be read. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: Dtype;
  /** Dimensions, outermost first; `[]` is a scalar. */
  readonly shape: readonly number[];
  /** First byte, counted from the start of the file. */
  readonly fileOffset: number;
  readonly byteLength: number;
}

/** Tensors by name, in the order of the header. */
export type TensorTable = ReadonlyMap<string, TensorInfo>;

/** A checked header: every tensor lies inside the file, none overlaps another, no byte is unused. */
export interface SafetensorsHeader {
  readonly tensors: TensorTable;
  readonly metadata: ReadonlyMap<string, string>;
  /** First byte after the header, counted from the start of the file. */
  readonly dataOffset: number;
}

/** What the header's length is stored in: an unsigned 64-bit little-endian number of bytes. */
export const LENGTH_PREFIX_BYTES = 8;

/**
 * Headers of Stable Diffusion checkpoints take 0.1 to 0.6 MB, merge recipes in the metadata a few
 * more. The format allows 100 MB; parsing that much hostile JSON would stall the program for seconds.
 */
export const MAX_HEADER_BYTES = 16 * 1024 * 1024;

/**
 * The header's length in bytes, from the file's first 8 bytes.
 *
 * @param start the file's first bytes, 8 if it has as many.
 * @param fileBytes size of the whole file.
 * @param fileName for messages.
 * @throws AppError `checkpoint.not-safetensors`, `checkpoint.damaged`
 */
export function readHeaderLength(start: Uint8Array, fileBytes: number, fileName: string): number {
  if (fileBytes === 0) {
    throw notSafetensors(fileName, 'the file is empty. Copy or download it again.');
  }
  if (start.byteLength < LENGTH_PREFIX_BYTES) {
    throw notSafetensors(fileName, `it has only ${fileBytes} bytes. Copy or download it again.`);
  }
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const headerBytes = view.getBigUint64(0, true);
  if (headerBytes > MAX_HEADER_BYTES || headerBytes < 2n) {
    throw notSafetensors(
      fileName,
      `its first 8 bytes give a header of ${headerBytes.toString()} bytes, where 2 to ${MAX_HEADER_BYTES} are expected. The file is of another kind, or damaged.`,
    );
  }
  const length = Number(headerBytes);
  if (LENGTH_PREFIX_BYTES + length > fileBytes) {
    throw damaged(
      fileName,
      `the header takes ${length} bytes, but the file ends after ${fileBytes}`,
    );
  }
  return length;
}

/**
 * The tensors and metadata that a safetensors header describes.
 *
 * Held to the reference implementation's rules, so that every file accepted here is one that the
 * hosts load too: offsets inside the file, of the size that type and shape ask for, without overlap,
 * hole or trailing bytes; metadata text only; no name twice.
 * (huggingface/safetensors, safetensors/src/tensor.rs, `Metadata::validate`)
 *
 * @param bytes the header's JSON, without the length in front.
 * @param fileBytes size of the whole file.
 * @param fileName for messages.
 * @throws AppError `checkpoint.not-safetensors`, `checkpoint.damaged`
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  fileBytes: number,
  fileName: string,
): SafetensorsHeader {
  const { object, names } = parseJson(bytes, fileName);
  const dataOffset = LENGTH_PREFIX_BYTES + bytes.byteLength;
  const tensors = new Map<string, TensorInfo>();
  for (const name of names) {
    if (name === METADATA_KEY) continue;
    const entry = parseEntry(name, object[name], fileName);
    const info = checkEntry(entry, dataOffset, fileName);
    tensors.set(name, info);
  }
  checkLayout(tensors, { dataOffset, fileBytes, fileName });
  const metadata = parseMetadata(object[METADATA_KEY], fileName);
  return { tensors, metadata, dataOffset };
}

/** The header entry that holds text about the file instead of a tensor. */
const METADATA_KEY = '__metadata__';

interface HeaderEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function parseJson(bytes: Uint8Array, fileName: string) {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw notSafetensors(
      fileName,
      'its header is not JSON. The file is of another kind, or damaged.',
      cause,
    );
  }
  if (!isObject(value)) {
    throw notSafetensors(fileName, 'its header is JSON, but not an object of tensors.');
  }
  const { topLevel, duplicate } = scanJsonKeys(text);
  if (duplicate !== undefined) {
    throw damaged(fileName, `the header has ${quote(duplicate)} twice`);
  }
  return { object: value, names: topLevel };
}

function parseEntry(name: string, entry: unknown, fileName: string): HeaderEntry {
  const where = `tensor ${quote(name)}`;
  if (!isObject(entry)) throw damaged(fileName, `${where} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isDtype(dtype)) {
    const known = dtypes.join(', ');
    throw damaged(fileName, `${where} has the unknown type ${quote(dtype)}; known are ${known}`);
  }
  if (!isCounts(shape)) {
    throw damaged(
      fileName,
      `${where} has the shape ${quote(shape)}; dimensions must be whole numbers from 0`,
    );
  }
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw damaged(
      fileName,
      `${where} has the data_offsets ${quote(offsets)}; two whole numbers from 0 are expected`,
    );
  }
  const [begin = 0, end = 0] = offsets;
  return { name, dtype, shape, begin, end };
}

function checkEntry(entry: HeaderEntry, dataOffset: number, fileName: string): TensorInfo {
  const { name, dtype, shape, begin, end } = entry;
  // A product beyond 2^53 is inexact, but then far larger than any offset, so it is refused here too.
  const neededBytes = elementCount(shape) * dtypeBytes(dtype);
  if (end - begin !== neededBytes) {
    throw damaged(
      fileName,
      `tensor ${quote(name)} needs ${neededBytes} bytes for ${dtype} [${shape.join(', ')}], the header gives ${end - begin} (${begin} to ${end})`,
    );
  }
  return { name, dtype, shape, fileOffset: dataOffset + begin, byteLength: neededBytes };
}

/** Every byte of the data belongs to one tensor: no overlap, no hole, nothing beyond the file. */
function checkLayout(
  tensors: TensorTable,
  file: { dataOffset: number; fileBytes: number; fileName: string },
): void {
  const { dataOffset, fileBytes, fileName } = file;
  let end = dataOffset;
  let previous = 'the header';
  for (const tensor of byFileOffset(tensors)) {
    if (tensor.fileOffset < end) {
      throw damaged(fileName, `tensor ${quote(tensor.name)} overlaps ${previous}`);
    }
    if (tensor.fileOffset > end) {
      const gap = tensor.fileOffset - end;
      throw damaged(
        fileName,
        `${gap} bytes between ${previous} and tensor ${quote(tensor.name)} belong to no tensor`,
      );
    }
    end = tensor.fileOffset + tensor.byteLength;
    previous = `tensor ${quote(tensor.name)}`;
    if (end > fileBytes) {
      throw damaged(
        fileName,
        `${previous} ends at byte ${end}, but the file has only ${fileBytes}: it was cut off`,
      );
    }
  }
  if (end !== fileBytes) {
    throw damaged(fileName, `${fileBytes - end} bytes after ${previous} belong to no tensor`);
  }
}

/** Tensors in the order of their bytes in the file; of two at the same place the empty one first. */
export function byFileOffset(tensors: TensorTable): TensorInfo[] {
  return [...tensors.values()].sort(
    (a, b) => a.fileOffset - b.fileOffset || a.byteLength - b.byteLength,
  );
}

function parseMetadata(value: unknown, fileName: string): Map<string, string> {
  if (value === undefined) return new Map();
  if (!isObject(value)) throw damaged(fileName, `${METADATA_KEY} is not an object`);
  const metadata = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw damaged(
        fileName,
        `${METADATA_KEY} entry ${quote(key)} is ${quote(text)}, where text is expected`,
      );
    }
    metadata.set(key, text);
  }
  return metadata;
}

/** Own properties only matter here: `JSON.parse` makes even `__proto__` one. */
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && Number(item) >= 0)
  );
}

/** A value from a hostile header, as JSON, short enough for a message. */
function quote(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

function notSafetensors(fileName: string, detail: string, cause?: unknown): AppError {
  return new AppError(
    'checkpoint.not-safetensors',
    `checkpoint "${fileName}" is not a safetensors file: ${detail}`,
    { cause },
  );
}

function damaged(fileName: string, detail: string): AppError {
  return new AppError(
    'checkpoint.damaged',
    `checkpoint "${fileName}" is damaged: ${detail}. Copy or download it again.`,
  );
}

/**
 * A safetensors file up to its data: the 8-byte length and the JSON, padded with spaces so that the
 * data starts at a multiple of 8 bytes.
 *
 * @param tensors in the order that their names shall have. Their `fileOffset` may be counted from
 *   anywhere: only the distance to the smallest counts.
 */
export function serializeSafetensorsHeader(
  tensors: Iterable<TensorInfo>,
  metadata: ReadonlyMap<string, string>,
): Buffer {
  const infos = [...tensors];
  const dataOffset = infos.reduce((first, info) => Math.min(first, info.fileOffset), Infinity);
  // Assembled by hand: an object would move names that look like numbers to the front. No space
  // before the first quote: hosts recognise the format by a header that starts with `{"`.
  const entries = infos.map(({ name, dtype, shape, fileOffset, byteLength }) => {
    const begin = fileOffset - dataOffset;
    const entry = { dtype, shape, data_offsets: [begin, begin + byteLength] };
    return `${JSON.stringify(name)}:${JSON.stringify(entry)}`;
  });
  if (metadata.size > 0) {
    const text = JSON.stringify(Object.fromEntries(metadata));
    entries.unshift(`${JSON.stringify(METADATA_KEY)}:${text}`);
  }
  const json = Buffer.from(`{${entries.join(',')}}`);
  const padding = Buffer.alloc(-json.byteLength & 7, ' ');
  const length = Buffer.alloc(LENGTH_PREFIX_BYTES);
  length.writeBigUInt64LE(BigInt(json.byteLength + padding.byteLength));
  return Buffer.concat([length, json, padding]);
}
