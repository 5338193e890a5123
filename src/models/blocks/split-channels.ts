import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';

/** x [..., n·C] as n named parts [..., C], in the order of the names. */
export function splitChannels<const Name extends string>(
  g: GraphBuilder,
  x: Value,
  names: readonly Name[],
): Record<Name, Value> {
  const sizes = names.map(() => dimAt(x.shape, -1) / names.length);
  const parts = g.ops('Split', [x, g.indices(...sizes)], { axis: -1 }, names.length);
  return Object.fromEntries(names.map((name, i) => [name, parts[i]])) as Record<Name, Value>;
}
