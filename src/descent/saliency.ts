import { readElements } from '../runtime/read-back.ts';
import { floatTensor, releaseTensor } from '../runtime/tensor.ts';
import { TensorSet } from '../runtime/tensor-set.ts';
import type { Optimizer } from './optimizer.ts';
import type { TargetedBatch, TrainableModel } from './trainable-model.ts';

/** What a mask is made with. */
interface SaliencyTools {
  readonly model: TrainableModel;
  /** θ₀ */
  readonly parameters: TensorSet;
  /** Adds up gradients: plain SGD with one term. */
  readonly accumulator: Optimizer;
  readonly workspace: { readonly first: TensorSet; readonly second: TensorSet };
}

/**
 * The mask of SalUn (Fan et al., arXiv 2310.12508, Eq. 3): 1 where |∇L_f(θ₀)|, the gradient of the denoising
 * loss on what is forgotten, is among the largest, else 0. The largest are a share of all whose gradient is not
 * 0: of a low-rank change one factor has none at the start, and stays as it is.
 *
 * @param batches pictures to forget, with the noise that was added
 * @param share between 0 and 1
 * @returns on the host, one tensor for each parameter
 * @throws RangeError where there is no batch
 */
export async function saliencyMask(
  { model, parameters, accumulator, workspace }: SaliencyTools,
  batches: Iterable<TargetedBatch>,
  share: number,
): Promise<TensorSet> {
  const { first: sum, second } = workspace;
  let count = 0;
  for (const batch of batches) {
    const target = model.target(batch.target, batch);
    const gradient = count === 0 ? sum : second;
    await model.gradient(parameters, batch, { target, into: gradient });
    releaseTensor(target);
    count += 1;
    if (count === 1) continue;
    await accumulator.step({ from: sum, to: sum }, [{ weight: -1, gradient }], {
      ...{ state: accumulator.freshState(), learningRate: 1 },
    });
  }
  if (count === 0) throw new RangeError('a mask needs pictures to forget');
  const gradients: [string, readonly number[], Float32Array][] = [];
  for (const [name, tensor] of sum.entries()) {
    gradients.push([name, tensor.dims, await readElements(tensor)]);
  }
  const least = leastOfLargest(
    gradients.map(([, , values]) => values),
    share,
  );
  const mask = new TensorSet();
  for (const [name, shape, values] of gradients) {
    const kept = values.map((value) => (value !== 0 && Math.abs(value) >= least ? 1 : 0));
    mask.put(name, floatTensor(kept, shape));
  }
  return mask;
}

/** Places of a histogram: the upper 16 bits of a float32 without its sign, then the lower 16. */
const BUCKETS = 2 ** 16;

/**
 * The smallest of the largest magnitudes, a share of all that are not 0, exactly: floats of one sign are in the
 * order of their bits, so two counts find it where a model has too many weights to be sorted.
 */
export function leastOfLargest(gradients: readonly Float32Array[], share: number): number {
  const bitsOf = (values: Float32Array) =>
    new Uint32Array(values.buffer, values.byteOffset, values.length);
  const upper = new Float64Array(BUCKETS);
  let total = 0;
  for (const bits of gradients.map(bitsOf)) {
    for (const word of bits) {
      const magnitude = word & 0x7fffffff;
      if (magnitude === 0) continue;
      total += 1;
      upper[magnitude >>> 16] = (upper[magnitude >>> 16] ?? 0) + 1;
    }
  }
  const wanted = Math.max(1, Math.round(share * total));
  const high = fromTheTop(upper, wanted);
  const lower = new Float64Array(BUCKETS);
  for (const bits of gradients.map(bitsOf)) {
    for (const word of bits) {
      const magnitude = word & 0x7fffffff;
      if (magnitude >>> 16 !== high.bucket || magnitude === 0) continue;
      lower[magnitude & 0xffff] = (lower[magnitude & 0xffff] ?? 0) + 1;
    }
  }
  const low = fromTheTop(lower, wanted - high.above);
  return new Float32Array(Uint32Array.of(high.bucket * BUCKETS + low.bucket).buffer)[0] ?? 0;
}

/** The bucket that holds the n-th from the top, and how many are in those above it. */
function fromTheTop(counts: Float64Array, n: number): { bucket: number; above: number } {
  let above = 0;
  for (let bucket = counts.length - 1; bucket > 0; bucket--) {
    const here = counts[bucket] ?? 0;
    if (above + here >= n) return { bucket, above };
    above += here;
  }
  return { bucket: 0, above };
}
