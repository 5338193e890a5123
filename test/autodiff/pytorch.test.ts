import type { Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { vjpRules } from '../../src/autodiff/rules/index.ts';
import { AppError } from '../../src/errors.ts';
import type { ElementType } from '../../src/onnx/element-type.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import type { Attribute, Value } from '../../src/onnx/graph.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { readGoldenHeader, readGoldenJson, readGoldenTensors } from '../helpers/golden-tensors.ts';
import type { VjpCase } from '../helpers/vjp-cases.ts';
import { buildVjpGraph, numbersOf, tensorFor } from '../helpers/vjp-graph.ts';

/** One case of make_rules.py, which describes the fields. */
interface RuleCase {
  readonly name: string;
  readonly opType: string;
  readonly attributes: Readonly<Record<string, Readonly<Record<string, Attribute>>>>;
  readonly inputs: readonly ({
    name: string;
    role: 'differentiable' | 'constant' | 'data';
  } | null)[];
  readonly outputs: number;
}

/** Operators that no model here puts between a trained parameter and the loss. */
const operatorsWithoutRule = new Set(
  'AveragePool Clip ConvTranspose Flatten GroupNormalization Max Min Pad Squeeze Unsqueeze'.split(
    ' ',
  ),
);

/** Forms of operators with a rule that are refused, not differentiated wrongly. */
const refusedForms: Readonly<Record<string, string>> = {
  conv_dilated: 'no model here dilates a convolution that is trained',
  conv_grouped: 'no model here groups a convolution that is trained',
  gather_axis1: 'token tables are read along axis 0',
  gelu_tanh: 'the models here use the exact form',
  matmul_vector_left: 'operands have rank 2 or more',
  matmul_vector_right: 'operands have rank 2 or more',
  reshape_zero: 'shapes are static: no 0 for "as before"',
  slice_negative_step: 'slices that are differentiated take neighbours',
  slice_steps: 'slices that are differentiated take neighbours',
  split_equal: 'sizes are given, not num_outputs',
};

const { cases } = readGoldenJson('rules.json') as { cases: RuleCase[] };
const header = readGoldenHeader('rules.safetensors');
const readTensor = readGoldenTensors('rules.safetensors');
const elementTypeOf: Readonly<Record<string, ElementType>> = {
  F32: 'float32',
  I64: 'int64',
  BOOL: 'bool',
};

const withRule = cases.filter(({ opType }) => !operatorsWithoutRule.has(opType));
const supported = withRule.filter(({ name }) => !(name in refusedForms));

describe('gradients are those of PyTorch', () => {
  test.each(supported)('$opType: $name', async (ruleCase) => {
    const { g, built } = buildRuleCase(ruleCase);
    built.results.forEach((z, i) => {
      g.output(`out.${i}`, z);
    });
    built.gradients.forEach((gradient, i) => {
      g.output(`grad.${i}`, gradient);
    });
    const session = await GraphSession.create(g.graph, { device: 'cpu', threads: 1 });
    const differentiable = differentiableInputs(ruleCase);
    const outputs = await session.run(
      Object.fromEntries([
        ...built.operands.map((x, i) => feed(x, `in.${differentiable[i]}`, ruleCase)),
        ...built.cotangents.map((ct, i) => feed(ct, `ct.${i}`, ruleCase)),
      ]),
    );
    await session.release();
    built.results.forEach((_, i) => {
      expectClose(outputs[`out.${i}`]!, `${ruleCase.name}.out.${i}`);
    });
    differentiable.forEach((input, i) => {
      expectClose(outputs[`grad.${i}`]!, `${ruleCase.name}.grad.${input}`);
    });
  });
});

test.each(Object.entries(refusedForms))('%s is refused: %s', (name) => {
  const ruleCase = withRule.find((candidate) => candidate.name === name)!;
  let refusal: unknown;
  try {
    buildRuleCase(ruleCase);
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toBeInstanceOf(AppError);
  expect((refusal as AppError).code).toMatch(/^graph\.(no-gradient|invalid)$/);
  expect((refusal as AppError).message).toContain(ruleCase.opType);
});

test('every gradient rule has a case from PyTorch', () => {
  const covered = new Set(supported.map(({ opType }) => opType));
  expect(Object.keys(vjpRules).filter((opType) => !covered.has(opType))).toEqual([]);
});

test('no operator is listed as without a rule that has one', () => {
  expect([...operatorsWithoutRule].filter((opType) => opType in vjpRules)).toEqual([]);
});

/** The case's graph: differentiable tensors are inputs, all others constants. */
function buildRuleCase(ruleCase: RuleCase) {
  const attributes = Object.fromEntries(
    Object.entries(ruleCase.attributes).map(([name, value]) => [name, Object.values(value)[0]!]),
  );
  const vjpCase: VjpCase = {
    form: ruleCase.name,
    precision: 'float32',
    operands: differentiableInputs(ruleCase).map((index) => ({
      shape: header[`${ruleCase.name}.in.${index}`]!.shape,
      range: 'any',
    })),
    build: (builder, ...operands) => {
      const remaining = [...operands];
      const inputs = ruleCase.inputs.map((input) => {
        if (!input) return null;
        if (input.role === 'differentiable') return remaining.shift()!;
        const { dtype, shape } = header[input.name]!;
        return builder.constant([...readTensor(input.name)], shape, elementTypeOf[dtype]!);
      });
      return builder.ops(ruleCase.opType, inputs, attributes, ruleCase.outputs);
    },
  };
  const g = new GraphBuilder(ruleCase.name);
  return { g, built: buildVjpGraph(g, vjpCase, 'float32') };
}

function differentiableInputs({ inputs }: RuleCase): number[] {
  return inputs.flatMap((input, index) => (input?.role === 'differentiable' ? [index] : []));
}

function feed(value: Value, suffix: string, { name }: RuleCase): [string, Tensor] {
  return [value.name, tensorFor(value, readTensor(`${name}.${suffix}`))];
}

/** Shapes are the same and |actual - expected| <= 1e-5 of the largest expected element. */
function expectClose(actual: Tensor, name: string): void {
  expect(actual.dims, name).toEqual(header[name]!.shape);
  const expected = readTensor(name);
  const largest = expected.reduce((most, element) => Math.max(most, Math.abs(element)), 0);
  const worst = numbersOf(actual).reduce(
    (most, element, i) => Math.max(most, Math.abs(element - expected[i]!)),
    0,
  );
  expect(worst, name).toBeLessThanOrEqual(1e-5 * largest);
}
