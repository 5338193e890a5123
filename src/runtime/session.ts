import { availableParallelism } from 'node:os';
import type { InferenceSession, Tensor } from 'onnxruntime-node';

import { AppError } from '../errors.ts';
import type { Graph } from '../onnx/graph.ts';
import { serializeModel } from '../onnx/serialize.ts';
import type { Device } from './device.ts';
import { runtime } from './onnxruntime.ts';
import { freeOnHost } from './tensor.ts';

export type { Device } from './device.ts';

export interface SessionSettings {
  readonly device: Device;
  /** Threads for one operator on the CPU; 0 takes one for each physical core. */
  readonly threads?: number;
  /** The folder that `ExternalData.location` is relative to. */
  readonly weightsFolder?: string;
  /**
   * Several nodes use each weight, so operators must not keep packed copies of their own: that
   * would double the memory of a large model for a few per cent of speed.
   */
  readonly sharesWeights?: boolean;
  /**
   * Weights stay in memory as they are stored, for a graph that casts them where it reads them: the
   * runtime must not do so when it loads it.
   */
  readonly keepsStoredWeights?: boolean;
  /**
   * Compiles the graph as it is: for graphs of thousands of elementwise nodes, where there is
   * nothing to gain and the runtime's passes take longer than all the steps of a short run.
   */
  readonly isPlain?: boolean;
  /**
   * Leaves out the passes that take long and gain a few per cent of a step: for small models, whose
   * training is over soon.
   */
  readonly isBrief?: boolean;
  /** Outputs that stay in device memory; all others come back to the host. */
  readonly residentOutputs?: readonly string[];
  /** Writes a Chrome trace of every node to this file prefix. */
  readonly profilePrefix?: string;
}

export type Feeds = Readonly<Record<string, Tensor>>;

/** A tensor that a graph takes or gives; a dimension that is open has a name. */
export interface DeclaredTensor {
  readonly name: string;
  /** `float32`, …; null for what is no tensor. */
  readonly type: string | null;
  readonly shape: readonly (number | string)[];
}

/** A graph compiled for a device. Release it: its memory is not the garbage collector's. */
export class GraphSession {
  readonly device: Device;
  private readonly session: InferenceSession;

  private constructor(session: InferenceSession, device: Device) {
    this.session = session;
    this.device = device;
  }

  /**
   * Compiles `graph`.
   * @throws device.unavailable where the device or one of its operators is missing
   */
  static async create(graph: Graph, settings: SessionSettings): Promise<GraphSession> {
    const options = sessionOptions(settings);
    try {
      const session = await runtime.InferenceSession.create(serializeModel(graph), options);
      return new GraphSession(session, settings.device);
    } catch (cause) {
      throw unavailable(graph.name, settings.device, cause);
    }
  }

  /** Compiles a model file, on the CPU. */
  static async open(file: string, threads: number): Promise<GraphSession> {
    const options = sessionOptions({ device: 'cpu', threads });
    return new GraphSession(await runtime.InferenceSession.create(file, options), 'cpu');
  }

  /**
   * Runs the graph once.
   * @param into float32 tensors on the host that take the named outputs in place; one may share its
   *   memory with an input
   * @returns all outputs; those of `into` are its tensors
   */
  async run(feeds: Feeds, into: Feeds = {}): Promise<Record<string, Tensor>> {
    const fetches: Record<string, Tensor | null> = {};
    for (const name of this.session.outputNames) fetches[name] = into[name] ?? null;
    const results = await this.session.run(feeds, fetches);
    // The runtime gives a copy of what it has written in place (ONNX Runtime 1.30.0).
    const copies = Object.keys(into).flatMap((name) => results[name] ?? []);
    freeOnHost(copies.filter((copy) => copy.location === 'cpu'));
    return { ...results, ...into };
  }

  /** What the graph takes and gives, as its file declares it. */
  declaredTensors(): { inputs: DeclaredTensor[]; outputs: DeclaredTensor[] } {
    const { inputMetadata, outputMetadata } = this.session;
    return { inputs: inputMetadata.map(declared), outputs: outputMetadata.map(declared) };
  }

  async release(): Promise<void> {
    await this.session.release();
  }

  /** Ends profiling and writes the trace. */
  endProfiling(): void {
    this.session.endProfiling();
  }
}

function unavailable(graphName: string, device: Device, cause: unknown): AppError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  // As the runtime says it, between names of its own sources.
  const hasNoAdapter = reason.includes('Failed to get a WebGPU adapter');
  return hasNoAdapter
    ? new AppError(
        'device.unavailable',
        'WebGPU finds no graphics card here whose driver it can use (Vulkan on Linux, Direct3D 12 on Windows, Metal on macOS). Install the driver of the card, or',
        {
          cause,
          remedy: { advice: 'train on the CPU', settings: [{ setting: 'device', value: 'cpu' }] },
        },
      )
    : new AppError(
        'device.unavailable',
        `the graph "${graphName}" could not be prepared for ${device}: ${reason}`,
        { cause },
      );
}

const disabledOptimizers = [
  // Merging a recomputed segment with its first computation would keep it in memory again.
  'CommonSubexpressionElimination',
  // Fails on casts of weights whose consumers are in branches of an `If` (ONNX Runtime 1.30.0: "Could
  // not find Cast output … in consumer node inputs"); constant folding does the same and does not.
  'FuseFp16InitializerToFp32NodeTransformer',
];

/** What the runtime takes as `session.…`. */
function configurationOf(settings: SessionSettings): Record<string, string> {
  const entries: Record<string, string> = {};
  // Fails at once where a node would silently run on the CPU between two copies.
  if (settings.device !== 'cpu') entries.disable_cpu_ep_fallback = '1';
  if (settings.sharesWeights) entries.disable_prepacking = '1';
  // Would compute with 8 bits where only weights are stored in them.
  if (settings.keepsStoredWeights) entries.disable_quant_qdq = '1';
  if (settings.weightsFolder) {
    entries.model_external_initializers_file_folder_path = settings.weightsFolder;
  }
  // Two threads that spin while they wait for each other are no faster, and a training of the tiny model
  // takes 18 instead of 12 s of processor time; more than two were not measured.
  if ((settings.threads ?? availableParallelism()) <= 2) entries['intra_op.allow_spinning'] = '0';
  return entries;
}

function sessionOptions(settings: SessionSettings): InferenceSession.SessionOptions {
  return {
    executionProviders: [settings.device],
    intraOpNumThreads: settings.threads ?? 0,
    graphOptimizationLevel: settings.isPlain ? 'disabled' : settings.isBrief ? 'basic' : 'all',
    // A plan of all buffers of a run, made at the second one, would hold its memory beside that of
    // the first: 10.1 instead of 7.2 GB for a gradient of SD 1.5 at 512 pixels.
    enableMemPattern: false,
    logSeverityLevel: 3,
    ...(settings.residentOutputs && {
      preferredOutputLocation: Object.fromEntries(
        settings.residentOutputs.map((name) => [name, 'gpu-buffer' as const]),
      ),
    }),
    ...(settings.profilePrefix && {
      enableProfiling: true,
      profileFilePrefix: settings.profilePrefix,
    }),
    extra: {
      session: configurationOf(settings),
      optimization: {
        disable_specified_optimizers: [
          ...disabledOptimizers,
          ...(settings.keepsStoredWeights ? ['ConstantFolding'] : []),
        ].join(';'),
      },
    },
  };
}

function declared(metadata: InferenceSession.ValueMetadata): DeclaredTensor {
  const { name } = metadata;
  return metadata.isTensor
    ? { name, type: metadata.type, shape: metadata.shape }
    : { name, type: null, shape: [] };
}
