import { readFileSync } from 'node:fs';

const golden = new URL('../golden/', import.meta.url);

/** A JSON file of test/golden; the caller knows its shape. */
export function readGoldenJson(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, golden), 'utf8'));
}

/** Every F32, F64, I16 and I64 tensor of a trusted .safetensors file of test/golden, as numbers. */
export function readGoldenTensors(name: string): (tensor: string) => Float64Array {
  const file = readFileSync(new URL(name, golden));
  const headerLength = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerLength)) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  return (tensor) => {
    const entry = header[tensor];
    if (!entry) throw new Error(`${name} has no ${tensor}`);
    const [begin, end] = entry.data_offsets.map((offset) => offset + 8 + headerLength) as [
      number,
      number,
    ];
    const bytes = new Uint8Array(file.subarray(begin, end)).buffer;
    if (entry.dtype === 'F32') return Float64Array.from(new Float32Array(bytes));
    if (entry.dtype === 'F64') return new Float64Array(bytes);
    if (entry.dtype === 'I16') return Float64Array.from(new Int16Array(bytes));
    return Float64Array.from(new BigInt64Array(bytes), Number);
  };
}
