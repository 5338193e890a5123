import { readFileSync } from 'node:fs';

const golden = new URL('../golden/', import.meta.url);

/** A JSON file of test/golden; the caller knows its shape. */
export function readGoldenJson(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, golden), 'utf8'));
}

/** Every F32, F64, I16, I64 and BOOL tensor of a trusted .safetensors file of test/golden, as numbers. */
export function readGoldenTensors(name: string): (tensor: string) => Float64Array {
  const { header, data } = readGoldenFile(name);
  return (tensor) => {
    const entry = header[tensor];
    if (!entry) throw new Error(`${name} has no ${tensor}`);
    const bytes = new Uint8Array(data.subarray(...entry.data_offsets));
    if (entry.dtype === 'BOOL') return Float64Array.from(bytes);
    if (entry.dtype === 'F32') return Float64Array.from(new Float32Array(bytes.buffer));
    if (entry.dtype === 'F64') return new Float64Array(bytes.buffer);
    if (entry.dtype === 'I16') return Float64Array.from(new Int16Array(bytes.buffer));
    return Float64Array.from(new BigInt64Array(bytes.buffer), Number);
  };
}

/** Data type and shape of the tensors of such a file. */
export function readGoldenHeader(name: string): Readonly<Record<string, GoldenTensorInfo>> {
  return readGoldenFile(name).header;
}

interface GoldenTensorInfo {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

function readGoldenFile(name: string): { header: Record<string, GoldenTensorInfo>; data: Buffer } {
  const file = readFileSync(new URL(name, golden));
  const headerLength = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerLength)) as Record<
    string,
    GoldenTensorInfo
  >;
  return { header, data: file.subarray(8 + headerLength) };
}
