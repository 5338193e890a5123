import type { Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';
import type { Module } from '../module.ts';
import { conv2d, samePads } from './conv2d.ts';
import { groupNorm } from './group-norm.ts';
import { linear } from './linear.ts';
import { silu } from './silu.ts';

/** What a residual block calls its layers, and what its normalisations are. */
export interface ResnetStyle {
  readonly norm1: string;
  readonly conv1: string;
  readonly embedding: string;
  readonly norm2: string;
  readonly conv2: string;
  readonly shortcut: string;
  readonly epsilon: number;
  /** Of channels in its normalisations. Default: 32. */
  readonly groups?: number;
}

/**
 * x + conv2(silu(norm2(conv1(silu(norm1(x))) + embedding))), where the first x goes through a
 * one-pixel convolution if the number of channels changes.
 *
 * @param x [N, C, H, W]
 * @param embedding of the timestep, after its activation: [N, E]; null in the VAE
 * @returns [N, O, H, W]
 */
export function resnet(
  module: Module,
  x: Value,
  embedding: Value | null,
  style: ResnetStyle,
): Value {
  const { g } = module;
  const { epsilon, groups } = style;
  const convolve = (norm: string, conv: string, input: Value) => {
    const normalized = module.within(norm, (part) => groupNorm(part, input, epsilon, groups));
    const activated = silu(g, normalized);
    return module.within(conv, (part) => conv2d(part, activated, { pads: samePads }));
  };
  // One segment from normalisation to convolution: the backward pass keeps its input alone, and
  // never repeats the convolution, whose output nothing in the segment needs.
  const hidden = g.recomputed('in_layers', () => convolve(style.norm1, style.conv1, x));
  const shift = embedding && module.within(style.embedding, (part) => linear(part, embedding));
  const output = g.recomputed('out_layers', () => {
    const shifted = shift ? g.add(hidden, g.reshape(shift, [...shift.shape, 1, 1])) : hidden;
    return convolve(style.norm2, style.conv2, shifted);
  });
  const isSameWidth = dimAt(output.shape, 1) === dimAt(x.shape, 1);
  const shortcut = isSameWidth ? x : module.within(style.shortcut, (part) => conv2d(part, x));
  return g.add(shortcut, output);
}
