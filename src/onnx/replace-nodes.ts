import type { Graph, Node } from './graph.ts';

/** Puts other nodes in the place of a graph's own. */
export function replaceNodes(graph: Graph, nodes: readonly Node[]): void {
  graph.nodes.splice(0, graph.nodes.length, ...nodes);
}

/** The node, now the one that makes its outputs. */
export function madeBy(node: Node): Node {
  for (const output of node.outputs) output.producer = node;
  return node;
}
