import { AppError } from '../errors.ts';
import { type Dtype, dtypeBytes, dtypes, isDtype } from '../tensor/dtype.ts';
import { elementCount } from '../tensor/shape.ts';
import { jsonMembers, parseJson } from './json-members.ts';

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
 * What the format allows. Headers of Stable Diffusion checkpoints take 0.1 to 0.6 MB; merge recipes
 * and pictures in the metadata can be far larger.
 * (huggingface/safetensors, safetensors/src/tensor.rs, `MAX_HEADER_SIZE`)
 */
export const MAX_HEADER_BYTES = 100_000_000;

/** Tensors, or entries of the metadata: ten times what any model has, and soon gone through. */
const MAX_ENTRIES = 100_000;
/** Of the JSON that describes one tensor; a hundred bytes are usual. */
const MAX_ENTRY_BYTES = 64 * 1024;

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
  const dataOffset = LENGTH_PREFIX_BYTES + bytes.byteLength;
  const tensors = new Map<string, TensorInfo>();
  const members = readMembers(bytes, fileName);
  for (const [name, json] of members) {
    if (name === METADATA_KEY) continue;
    const entry = parseEntry(name, json, fileName);
    tensors.set(name, checkEntry(entry, dataOffset, fileName));
  }
  checkLayout(tensors, { dataOffset, fileBytes, fileName });
  const metadata = parseMetadata(members.get(METADATA_KEY), fileName);
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

/** The entries of an object, each by its JSON. */
function readMembers(json: Uint8Array, fileName: string): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  asJson(fileName, () => {
    for (const { key, json: value } of jsonMembers(json)) {
      if (found.has(key)) throw damaged(fileName, `the header has ${quote(key)} twice`);
      if (found.size >= MAX_ENTRIES) {
        throw damaged(fileName, `the header has more than ${MAX_ENTRIES} entries`);
      }
      found.set(key, value);
    }
  });
  return found;
}

function asJson<T>(fileName: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw notSafetensors(
      fileName,
      'its header is not JSON of tensors. The file is of another kind, or damaged.',
      cause,
    );
  }
}

function parseEntry(name: string, json: Uint8Array, fileName: string): HeaderEntry {
  const where = `tensor ${quote(name)}`;
  if (json.length > MAX_ENTRY_BYTES) {
    throw damaged(fileName, `${where} is described by ${json.length} bytes`);
  }
  if (!startsWith(json, '{')) throw damaged(fileName, `${where} is not described by an object`);
  const members = readMembers(json, fileName);
  const values = new Map(
    [...members].map(([key, value]) => [key, asJson(fileName, () => parseJson(value))]),
  );
  const [dtype, shape, offsets] = ['dtype', 'shape', 'data_offsets'].map((key) => values.get(key));
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

function parseMetadata(json: Uint8Array | undefined, fileName: string): Map<string, string> {
  if (json === undefined) return new Map();
  if (!startsWith(json, '{')) throw damaged(fileName, `${METADATA_KEY} is not an object`);
  const metadata = new Map<string, string>();
  for (const [key, value] of readMembers(json, fileName)) {
    // Not parsed to be shown: it may be anything of any depth.
    if (!startsWith(value, '"')) {
      const shown = Buffer.from(value.subarray(0, MAX_QUOTED)).toString();
      throw damaged(
        fileName,
        `${METADATA_KEY} entry ${quote(key)} is ${shown}, where text is expected`,
      );
    }
    metadata.set(key, asJson(fileName, () => parseJson(value)) as string);
  }
  return metadata;
}

function startsWith(json: Uint8Array, character: string): boolean {
  return json[0] === character.charCodeAt(0);
}

function isCounts(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && Number(item) >= 0)
  );
}

/** Characters of a value in a message. */
const MAX_QUOTED = 120;

/** A value from a hostile header, as JSON, short enough for a message. */
function quote(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text;
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
