import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';

/** x [..., C] normalised over its last axis, times `weight` [C] plus `bias` [C]. */
export function layerNorm(module: Module, x: Value, epsilon = 1e-5): Value {
  const operands = [x, module.weight('weight'), module.weight('bias')];
  return module.g.op('LayerNormalization', operands, { axis: -1, epsilon });
}
