import { elementCount } from '../onnx/shape.ts';
import { buildInnerProductsGraph } from '../optim/inner-products-graph.ts';
import { buildUpdateGraph, tensorName, type ParameterSpec } from '../optim/update-graph.ts';
import { momentNames, stepScalars, type OptimizerSettings } from '../optim/update-rule.ts';
import { GraphSession, type Device } from '../runtime/session.ts';
import { floatData, floatTensor, type Tensor } from '../runtime/tensor.ts';
import { TensorSet } from '../runtime/tensor-set.ts';

/**
 * Parameters are updated in groups of about this many elements, so that the new tensors of one
 * group, not of the whole model, are in memory beside the old ones.
 */
const groupElements = 64 * 2 ** 20;

/** What an optimizer remembers between steps. */
export interface OptimizerState {
  /** Steps done. */
  step: number;
  /** Moments by their name: `mean` and `square`, `momentum`, or none. */
  readonly moments: ReadonlyMap<string, TensorSet>;
}

/** One summand of the gradient that a step follows. */
export interface GradientTerm {
  readonly weight: number;
  readonly gradient: TensorSet;
}

interface Group {
  readonly parameters: readonly ParameterSpec[];
  readonly session: GraphSession;
}

/** SGD, Adam or AdamW over the trained parameters, as graphs on the training device. */
export class Optimizer {
  private readonly settings: OptimizerSettings;
  private readonly groups: readonly Group[];
  private readonly parameters: readonly ParameterSpec[];

  private constructor(
    settings: OptimizerSettings,
    parameters: readonly ParameterSpec[],
    groups: readonly Group[],
  ) {
    this.settings = settings;
    this.parameters = parameters;
    this.groups = groups;
  }

  /** @param terms how many gradients each step adds up */
  static async create(
    parameters: readonly ParameterSpec[],
    settings: OptimizerSettings,
    { device, threads, terms }: { device: Device; threads: number; terms: number },
  ): Promise<Optimizer> {
    const groups: Group[] = [];
    for (const group of groupParameters(parameters)) {
      const graph = buildUpdateGraph(group, settings, terms);
      const residentOutputs = device === 'webgpu' ? graph.outputs.map(({ name }) => name) : [];
      const session = await GraphSession.create(graph, {
        device,
        threads,
        residentOutputs,
        isPlain: true,
      });
      groups.push({ parameters: group, session });
    }
    return new Optimizer(settings, parameters, groups);
  }

  /** The state before the first step. */
  freshState(): OptimizerState {
    const moments = momentNames(this.settings).map(
      (name) => [name, TensorSet.zeros(this.parameters)] as const,
    );
    return { step: 0, moments: new Map(moments) };
  }

  /**
   * `to` ← `from` − one step along Σ weight·gradient. On the host the tensors of `to` and the
   * moments are written in place; `to` may be `from`. In device memory they are replaced.
   */
  async step(
    { from, to }: { from: TensorSet; to: TensorSet },
    terms: readonly GradientTerm[],
    { state, learningRate }: { state: OptimizerState; learningRate: number },
  ): Promise<void> {
    state.step += 1;
    const scalar = (value: number) => floatTensor(Float32Array.of(value), [1]);
    const { rate, squareCorrection } = stepScalars(this.settings, learningRate, state.step);
    const scalars: Record<string, Tensor> = {
      learningRate: scalar(learningRate),
      rate: scalar(rate),
      squareCorrection: scalar(squareCorrection),
    };
    terms.forEach(({ weight }, i) => (scalars[`weight${i}`] = scalar(weight)));
    for (const { parameters, session } of this.groups) {
      const feeds: Record<string, Tensor> = { ...scalars };
      const into: Record<string, Tensor> = {};
      for (const { name } of parameters) {
        feeds[tensorName('parameter', name)] = from.get(name);
        terms.forEach(({ gradient }, i) => {
          feeds[tensorName(`gradient${i}`, name)] = gradient.get(name);
        });
        for (const [moment, set] of state.moments) {
          feeds[tensorName(moment, name)] = set.get(name);
        }
        addTargets(into, { name, to, state });
      }
      takeResults(await session.run(feeds, into), parameters, { to, state });
    }
  }

  async release(): Promise<void> {
    for (const { session } of this.groups) await session.release();
  }
}

interface Targets {
  readonly to: TensorSet;
  readonly state: OptimizerState;
}

/** Host tensors that take the results in place. */
function addTargets(
  into: Record<string, Tensor>,
  { name, to, state }: Targets & { name: string },
): void {
  const target = to.find(name);
  if (target?.location !== 'cpu') return;
  into[tensorName('next-parameter', name)] = target;
  for (const [moment, set] of state.moments) {
    into[tensorName(`next-${moment}`, name)] = set.get(name);
  }
}

function takeResults(
  results: Readonly<Record<string, Tensor>>,
  parameters: readonly ParameterSpec[],
  { to, state }: Targets,
): void {
  const take = (set: TensorSet, part: string, name: string) => {
    const tensor = results[tensorName(`next-${part}`, name)];
    if (tensor) set.put(name, tensor);
  };
  for (const { name } of parameters) {
    take(to, 'parameter', name);
    for (const [moment, set] of state.moments) take(set, moment, name);
  }
}

/** |g₀|², |g₁|² and ⟨g₀, g₁⟩ over all parameters. */
export class InnerProducts {
  private readonly groups: readonly Group[];

  private constructor(groups: readonly Group[]) {
    this.groups = groups;
  }

  static async create(
    parameters: readonly ParameterSpec[],
    { device, threads }: { device: Device; threads: number },
  ): Promise<InnerProducts> {
    const groups: Group[] = [];
    for (const group of groupParameters(parameters)) {
      const graph = buildInnerProductsGraph(group);
      const session = await GraphSession.create(graph, { device, threads, isPlain: true });
      groups.push({ parameters: group, session });
    }
    return new InnerProducts(groups);
  }

  async compute(
    first: TensorSet,
    second: TensorSet,
  ): Promise<{ firstSquare: number; secondSquare: number; product: number }> {
    const totals = { square0: 0, square1: 0, product: 0 };
    for (const { parameters, session } of this.groups) {
      const feeds: Record<string, Tensor> = {};
      for (const { name } of parameters) {
        feeds[tensorName('gradient0', name)] = first.get(name);
        feeds[tensorName('gradient1', name)] = second.get(name);
      }
      const sums = await session.run(feeds);
      for (const key of ['square0', 'square1', 'product'] as const) {
        const parts = sums[key];
        if (parts) totals[key] += floatData(parts).reduce((sum, part) => sum + part, 0);
      }
    }
    const { square0: firstSquare, square1: secondSquare, product } = totals;
    return { firstSquare, secondSquare, product };
  }

  async release(): Promise<void> {
    for (const { session } of this.groups) await session.release();
  }
}

function groupParameters(parameters: readonly ParameterSpec[]): ParameterSpec[][] {
  const groups: ParameterSpec[][] = [];
  let room = 0;
  for (const parameter of parameters) {
    const elements = elementCount(parameter.shape);
    if (elements > room || groups.length === 0) {
      groups.push([]);
      room = groupElements;
    }
    groups.at(-1)?.push(parameter);
    room -= elements;
  }
  return groups;
}
