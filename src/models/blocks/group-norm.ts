import type { Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';
import { elementCount } from '../../tensor/shape.ts';
import type { Module } from '../module.ts';

/** Number of groups in every normalisation of Stable Diffusion's UNet and VAE, and of most other models. */
const usualGroups = 32;

/**
 * x normalised over each group of channels, times `weight` [C] plus `bias` [C]
 * (Wu and He 2018). Written with InstanceNormalization: GroupNormalization runs on no GPU.
 *
 * @param x [N, C, H, W]
 * @param groups how many; they divide C
 */
export function groupNorm(
  module: Module,
  x: Value,
  epsilon: number,
  groups: number = usualGroups,
): Value {
  const { g } = module;
  const [batch, channels] = [dimAt(x.shape, 0), dimAt(x.shape, 1)];
  const perGroup = elementCount(x.shape) / (batch * groups);
  const ones = g.constant(Array<number>(groups).fill(1), [groups], x.type);
  const zeros = g.constant(Array<number>(groups).fill(0), [groups], x.type);
  const grouped = g.reshape(x, [batch, groups, perGroup]);
  const normalized = g.op('InstanceNormalization', [grouped, ones, zeros], { epsilon });
  const perChannel = (name: string) => g.reshape(module.weight(name), [1, channels, 1, 1]);
  const scaled = g.mul(g.reshape(normalized, x.shape), perChannel('weight'));
  return g.add(scaled, perChannel('bias'));
}
