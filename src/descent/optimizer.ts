import { elementCount } from '../tensor/shape.ts';
import { innerProductsOnHost, updateOnHost } from '../optim/host-update.ts';
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

/** Graphs do the work in device memory; on the host, where tensors are arrays, a loop does. */
const usesGraphs = (device: Device) => device === 'webgpu';

/** What an optimizer and inner products are made for. */
interface ToolSettings {
  readonly device: Device;
  readonly threads: number;
  /** 1 where parameters may change and gradients count, else 0. Default: everywhere. */
  readonly mask?: TensorSet | null;
}

interface Group {
  readonly parameters: readonly ParameterSpec[];
  readonly session: GraphSession;
}

/** SGD, Adam or AdamW over the trained parameters, where these lie. */
export class Optimizer {
  private readonly settings: OptimizerSettings;
  private readonly groups: readonly Group[];
  private readonly parameters: readonly ParameterSpec[];
  private readonly mask: TensorSet | null;

  private constructor(
    settings: OptimizerSettings,
    parameters: readonly ParameterSpec[],
    { groups, mask }: { readonly groups: readonly Group[]; readonly mask: TensorSet | null },
  ) {
    this.settings = settings;
    this.parameters = parameters;
    this.groups = groups;
    this.mask = mask;
  }

  /** @param terms how many gradients each step adds up */
  static async create(
    parameters: readonly ParameterSpec[],
    settings: OptimizerSettings,
    { device, threads, terms, mask = null }: ToolSettings & { readonly terms: number },
  ): Promise<Optimizer> {
    const groups: Group[] = [];
    if (!usesGraphs(device)) return new Optimizer(settings, parameters, { groups, mask });
    for (const group of groupParameters(parameters)) {
      const graph = buildUpdateGraph(group, settings, { terms, isMasked: mask !== null });
      const residentOutputs = graph.outputs.map(({ name }) => name);
      const session = await GraphSession.create(graph, {
        device,
        threads,
        residentOutputs,
        isPlain: true,
      });
      groups.push({ parameters: group, session });
    }
    return new Optimizer(settings, parameters, { groups, mask });
  }

  /** The state before the first step. */
  freshState(): OptimizerState {
    const moments = momentNames(this.settings).map(
      (name) => [name, TensorSet.zeros(this.parameters)] as const,
    );
    return { step: 0, moments: new Map(moments) };
  }

  /** Brings a state back to that before the first step; on the host in the memory that it has. */
  reset(state: OptimizerState): void {
    state.step = 0;
    if (this.groups.length === 0) {
      for (const set of state.moments.values()) {
        for (const { name } of this.parameters) floatData(set.get(name)).fill(0);
      }
      return;
    }
    // Graphs replace moments and write none in place, so that all can share their zeros.
    const sizes = this.parameters.map(({ shape }) => elementCount(shape));
    const zeros = new Float32Array(sizes.reduce((most, size) => Math.max(most, size), 0));
    for (const set of state.moments.values()) {
      for (const [i, { name, shape }] of this.parameters.entries()) {
        set.put(name, floatTensor(zeros.subarray(0, sizes[i]), shape));
      }
    }
  }

  /**
   * `to` ← `from` − one step along Σ weight·gradient. On the host the tensors of `to` and the
   * moments are written in place; `to` may be `from`. In device memory they are replaced.
   */
  async step(
    sets: { from: TensorSet; to: TensorSet },
    terms: readonly GradientTerm[],
    schedule: { state: OptimizerState; learningRate: number },
  ): Promise<void> {
    schedule.state.step += 1;
    if (this.groups.length > 0) await this.stepOnDevice(sets, terms, schedule);
    else this.stepOnHost(sets, terms, schedule);
  }

  private stepOnHost(
    { from, to }: { from: TensorSet; to: TensorSet },
    terms: readonly GradientTerm[],
    { state, learningRate }: { state: OptimizerState; learningRate: number },
  ): void {
    const scalars = stepScalars(this.settings, learningRate, state.step);
    for (const { name } of this.parameters) {
      updateOnHost(this.settings, {
        parameter: floatData(from.get(name)),
        next: floatData(to.get(name)),
        terms: terms.map(({ weight, gradient }) => ({
          weight,
          gradient: floatData(gradient.get(name)),
        })),
        moments: [...state.moments.values()].map((set) => floatData(set.get(name))),
        mask: this.mask ? floatData(this.mask.get(name)) : undefined,
        learningRate,
        ...scalars,
      });
    }
  }

  private async stepOnDevice(
    { from, to }: { from: TensorSet; to: TensorSet },
    terms: readonly GradientTerm[],
    { state, learningRate }: { state: OptimizerState; learningRate: number },
  ): Promise<void> {
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
      for (const { name } of parameters) {
        feeds[tensorName('parameter', name)] = from.get(name);
        if (this.mask) feeds[tensorName('mask', name)] = this.mask.get(name);
        terms.forEach(({ gradient }, i) => {
          feeds[tensorName(`gradient${i}`, name)] = gradient.get(name);
        });
        for (const [moment, set] of state.moments) {
          feeds[tensorName(moment, name)] = set.get(name);
        }
      }
      takeResults(await session.run(feeds), parameters, { to, state });
    }
  }

  async release(): Promise<void> {
    for (const { session } of this.groups) await session.release();
  }
}

function takeResults(
  results: Readonly<Record<string, Tensor>>,
  parameters: readonly ParameterSpec[],
  { to, state }: { to: TensorSet; state: OptimizerState },
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

interface Products {
  readonly firstSquare: number;
  readonly secondSquare: number;
  readonly product: number;
}

/** |g₀|², |g₁|² and ⟨g₀, g₁⟩ over all parameters. */
export class InnerProducts {
  private readonly parameters: readonly ParameterSpec[];
  private readonly groups: readonly Group[];
  private readonly mask: TensorSet | null;

  private constructor(
    parameters: readonly ParameterSpec[],
    { groups, mask }: { readonly groups: readonly Group[]; readonly mask: TensorSet | null },
  ) {
    this.parameters = parameters;
    this.groups = groups;
    this.mask = mask;
  }

  static async create(
    parameters: readonly ParameterSpec[],
    { device, threads, mask = null }: ToolSettings,
  ): Promise<InnerProducts> {
    const groups: Group[] = [];
    if (!usesGraphs(device)) return new InnerProducts(parameters, { groups, mask });
    for (const group of groupParameters(parameters)) {
      const graph = buildInnerProductsGraph(group, { isMasked: mask !== null });
      const session = await GraphSession.create(graph, { device, threads, isPlain: true });
      groups.push({ parameters: group, session });
    }
    return new InnerProducts(parameters, { groups, mask });
  }

  async compute(first: TensorSet, second: TensorSet): Promise<Products> {
    const totals = { firstSquare: 0, secondSquare: 0, product: 0 };
    const isOnHost = this.groups.length === 0;
    const parts = isOnHost ? this.onHost(first, second) : this.onDevice(first, second);
    for await (const part of parts) {
      totals.firstSquare += part.firstSquare;
      totals.secondSquare += part.secondSquare;
      totals.product += part.product;
    }
    return totals;
  }

  private *onHost(first: TensorSet, second: TensorSet): Generator<Products> {
    for (const { name } of this.parameters) {
      const mask = this.mask ? floatData(this.mask.get(name)) : undefined;
      yield innerProductsOnHost(floatData(first.get(name)), floatData(second.get(name)), mask);
    }
  }

  private async *onDevice(first: TensorSet, second: TensorSet): AsyncGenerator<Products> {
    for (const { parameters, session } of this.groups) {
      const feeds: Record<string, Tensor> = {};
      for (const { name } of parameters) {
        feeds[tensorName('gradient0', name)] = first.get(name);
        feeds[tensorName('gradient1', name)] = second.get(name);
        if (this.mask) feeds[tensorName('mask', name)] = this.mask.get(name);
      }
      const { square0, square1, product } = await session.run(feeds);
      const total = (sums: Tensor | undefined) =>
        sums ? floatData(sums).reduce((sum, part) => sum + part, 0) : Number.NaN;
      yield {
        firstSquare: total(square0),
        secondSquare: total(square1),
        product: total(product),
      };
    }
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
