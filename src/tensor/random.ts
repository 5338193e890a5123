import { createHash } from 'node:crypto';

import { mersenne } from 'pure-rand/generator/mersenne';

/**
 * A stream of random numbers, the same as PyTorch's CPU generator draws after `torch.manual_seed`:
 * so a seed gives here the starting noise that it gives in a host that makes its noise on the CPU.
 * Calls draw from one stream, in order.
 */
export interface Generator {
  /** Standard normal numbers, as `torch.randn(count)`: float32 [count]. */
  randn(count: number): Float32Array;
  /** Uniform in [0, 1), as `torch.rand(count)`: float32 [count]. */
  uniform(count: number): Float32Array;
  /**
   * Whole numbers in [low, high), as `torch.randint(low, high, [count])`.
   * @throws RangeError unless 0 < high - low <= 2^28: above it PyTorch draws in another way
   */
  randomIntegers(count: number, low: number, high: number): number[];
}

/** From this many numbers on, `torch.randn` fills in blocks (ATen/native/cpu/DistributionTemplates.h). */
const BLOCK = 16;
const MAX_INTEGER_RANGE = 2 ** 28;

/**
 * @param seed a whole number; as in PyTorch, its lowest 32 bits count
 */
export function createGenerator(seed: number): Generator {
  const twister = mersenne(Number(BigInt.asIntN(32, BigInt(seed))));
  const nextUint32 = (): number => twister.next() >>> 0;
  /** `uniform_real_distribution<float>`: the lowest 24 bits of one draw. */
  const nextFloat = (): number => (nextUint32() & 0xffffff) * 2 ** -24;
  /** `uniform_real_distribution<double>`: the lowest 53 bits of two draws, the first one higher. */
  const nextDouble = (): number => {
    const high = nextUint32() & 0x1fffff;
    return (high * 2 ** 32 + nextUint32()) * 2 ** -53;
  };
  // Box-Muller makes two numbers of two; the second waits here for the next call, as in PyTorch.
  let spareNormal: number | undefined;
  const nextNormal = (): number => {
    if (spareNormal !== undefined) {
      const spare = spareNormal;
      spareNormal = undefined;
      return spare;
    }
    const theta = 2 * Math.PI * nextDouble();
    const radius = Math.sqrt(-2 * Math.log1p(-nextDouble()));
    spareNormal = radius * Math.sin(theta);
    return radius * Math.cos(theta);
  };

  const uniform = (count: number): Float32Array => new Float32Array(count).map(nextFloat);
  return {
    uniform,
    randn(count) {
      if (count < BLOCK) return new Float32Array(count).map(nextNormal);
      const values = uniform(count);
      for (let start = 0; start + BLOCK <= count; start += BLOCK) {
        boxMullerInPlace(values.subarray(start, start + BLOCK));
      }
      if (count % BLOCK !== 0) {
        // The last 16 are drawn anew, over what whole blocks had written there.
        const tail = values.subarray(count - BLOCK);
        tail.set(uniform(BLOCK));
        boxMullerInPlace(tail);
      }
      return values;
    },
    randomIntegers(count, low, high) {
      const range = high - low;
      if (!(range > 0 && range <= MAX_INTEGER_RANGE)) {
        throw new RangeError(`cannot draw whole numbers from ${low} up to ${high}`);
      }
      return Array.from({ length: count }, () => low + (nextUint32() % range));
    },
  };
}

/**
 * Turns 16 uniform numbers into 16 normal ones, pairing the first half with the second
 * (`normal_fill_16` of PyTorch; its vectorised form rounds in float32, which differs by 1e-6).
 */
function boxMullerInPlace(block: Float32Array): void {
  for (let j = 0; j < BLOCK / 2; j++) {
    const radius = Math.sqrt(-2 * Math.log(1 - (block[j] ?? 0)));
    const theta = 2 * Math.PI * (block[j + BLOCK / 2] ?? 0);
    block[j] = radius * Math.cos(theta);
    block[j + BLOCK / 2] = radius * Math.sin(theta);
  }
}

/**
 * A seed made of a run's seed and of what it is for, like `seedFor(seed, 'noise', step)`. It
 * depends on nothing that was drawn before, so a resumed run draws what it would have drawn, and
 * seeds for different purposes are as good as independent.
 * @returns a whole number below 2^32: the first bytes of SHA-256 over the arguments
 */
export function seedFor(seed: number, ...labels: readonly (string | number)[]): number {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, ...labels]))
    .digest();
  return digest.readUInt32BE(0);
}
