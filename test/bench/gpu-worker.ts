import { adapterSchema } from '../../src/adapters/settings.ts';
import { costOfRun } from '../../src/erase/run-cost.ts';
import { type Checkpoint, openCheckpoint } from '../../src/families/checkpoint.ts';
import { adaptationFor } from '../../src/methods/adaptation.ts';
import { defaultSettings, requireTraining } from '../../src/methods/registry.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { UnetSession, type UnetRows } from '../../src/pipeline/unet-session.ts';
import { endWithParent } from '../../src/processes/end-with-parent.ts';
import type { Device } from '../../src/runtime/device.ts';
import { readElements } from '../../src/runtime/read-back.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { floatTensor, releaseTensor } from '../../src/runtime/tensor.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { createGenerator } from '../../src/tensor/random.ts';

// The program of the processes that `npm run bench:gpu` measures: what one of them takes is its own, and a
// driver may abort it.

/** What one process is to do. */
export type GpuTask =
  | { readonly kind: 'buffer'; readonly device: Device; readonly bytes: number }
  | (StepTask & { readonly kind: 'step'; readonly repeats: number })
  | (StepTask & { readonly kind: 'gradient' });

interface StepTask {
  readonly model: string;
  readonly device: Device;
  /** Width and height in pixels. */
  readonly size: number;
  /** `full`, or a low-rank change. */
  readonly adapter: object;
  /** Where an adapter may keep a form of its own of the weights. */
  readonly folder: string;
}

/** Of a step: a prediction, and a prediction with its gradient. */
export interface StepMeasurement {
  readonly openSeconds: number;
  /** With the driver's compiling of shaders. */
  readonly firstSeconds: number;
  /** Of the later ones, in order. */
  readonly seconds: readonly number[];
  /** Of the process after the first step and after the last. */
  readonly residentBytes: readonly [number, number];
  readonly countedBytes: number;
}

/** Whether a tensor of so many bytes can be filled and read on the device. */
async function tryBuffer({ device, bytes }: GpuTask & { kind: 'buffer' }): Promise<boolean> {
  const length = bytes / Float32Array.BYTES_PER_ELEMENT;
  const g = new GraphBuilder('buffer');
  const one = g.input('one', 'float32', [1]);
  // Made on the device: nothing as large goes there.
  const filled = g.op('Expand', [one, g.indices(length)]);
  g.output('last', g.op('Slice', [filled, g.indices(length - 1), g.indices(length)]));
  const session = await GraphSession.create(g.graph, { device, isPlain: true });
  const { last } = await session.run({ one: floatTensor(Float32Array.of(7), [1]) });
  return last !== undefined && (await readElements(last))[0] === 7;
}

async function openStep({ model, device, size, adapter, folder }: StepTask) {
  const checkpoint = await openCheckpoint(model);
  const modelChannels = checkpoint.denoiser.width;
  const chosen = adapterSchema.parse(adapter);
  const settings = requireTraining(
    defaultSettings({ size, modelChannels, train: 'xattn', adapter: chosen }),
  );
  const one = { ...settings, batch: 1 };
  const adaptation = adaptationFor(checkpoint, one, folder);
  await adaptation.base?.make();
  const side = size / checkpoint.codec.scale;
  const shape = { batch: 1, latentHeight: side, latentWidth: side, contextTokens: 77 };
  const unet = await UnetSession.create(checkpoint, { shape, adaptation, device, threads: 0 });
  const extent = { prompts: { forget: 1, retain: 1 }, drawnPictures: 0, device };
  const { memoryBytes } = await costOfRun(checkpoint, one, extent);
  return { checkpoint, unet, parameters: await adaptation.initial(), countedBytes: memoryBytes };
}

/** Rows of a step that are the same on every machine. */
function rowsFor(
  checkpoint: Checkpoint,
  unet: UnetSession,
): { rows: UnetRows; target: Float32Array } {
  const generator = createGenerator(1);
  const count = unet.latentShape.reduce((product, dimension) => product * dimension, 1);
  const prompts = [checkpoint.condition.blank(77)];
  const rows = { noisyLatents: generator.randn(count), timesteps: [500], prompts };
  return { rows, target: generator.randn(count) };
}

async function measureStep(task: GpuTask & { kind: 'step' }): Promise<StepMeasurement> {
  const started = performance.now();
  const { checkpoint, unet, parameters, countedBytes } = await openStep(task);
  const openSeconds = (performance.now() - started) / 1000;
  const { rows, target } = rowsFor(checkpoint, unet);
  const into = new TensorSet();
  const seconds: number[] = [];
  const resident: number[] = [];
  for (let step = 0; step <= task.repeats; step++) {
    const began = performance.now();
    releaseTensor(await unet.predict(parameters, rows));
    await unet.gradient(parameters, rows, { target: unet.target(target), into });
    seconds.push((performance.now() - began) / 1000);
    resident.push(process.memoryUsage.rss());
  }
  const [firstSeconds = Number.NaN, ...later] = seconds;
  const residentBytes = [resident[0] ?? 0, resident.at(-1) ?? 0] as const;
  return { openSeconds, firstSeconds, seconds: later, residentBytes, countedBytes };
}

/** The gradient of every parameter, one after another. */
async function gradient(task: GpuTask & { kind: 'gradient' }): Promise<number[]> {
  const { checkpoint, unet, parameters } = await openStep(task);
  const { rows, target } = rowsFor(checkpoint, unet);
  const into = new TensorSet();
  await unet.gradient(parameters, rows, { target: unet.target(target), into });
  const all: number[] = [];
  for (const [, tensor] of into.entries()) {
    for (const element of await readElements(tensor)) all.push(element);
  }
  return all;
}

async function answer(task: GpuTask): Promise<unknown> {
  switch (task.kind) {
    case 'buffer':
      return tryBuffer(task);
    case 'step':
      return measureStep(task);
    case 'gradient':
      return gradient(task);
  }
}

endWithParent();
process.on('message', (task: GpuTask) => {
  answer(task).then(
    (result) => process.send?.({ result }, undefined, undefined, () => process.exit(0)),
    (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      process.send?.({ reason }, undefined, undefined, () => process.exit(0));
    },
  );
});
