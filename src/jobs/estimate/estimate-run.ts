import { withStoredBase } from '../../adapters/settings.ts';
import { asItIs } from '../../adapters/full-weights.ts';
import { openCheckpoint, type Checkpoint } from '../../families/checkpoint.ts';
import type { Companions } from '../../families/companions.ts';
import { type EraseSettings, trainingOf } from '../../methods/registry.ts';
import { costOfRun, unetShape, type RunCost, type RunExtent } from '../../erase/run-cost.ts';
import { adaptationFor } from '../../methods/adaptation.ts';
import { choosePrecision } from '../../methods/choose-precision.ts';
import { UnetSession } from '../../pipeline/unet-session.ts';
import { runtimeVersion } from '../../runtime/backends.ts';
import type { Device } from '../../runtime/device.ts';
import { probeDevice } from '../../runtime/probe-device.ts';
import { PROBE_MULTIPLY_ADDS } from '../../runtime/probe-shape.ts';
import { releaseTensor } from '../../runtime/tensor.ts';
import { TensorSet } from '../../runtime/tensor-set.ts';
import { elementCount } from '../../tensor/shape.ts';
import { largestBufferOf } from './largest-buffer.ts';
import { addMeasurement, measurementKey, readMeasurements } from './measurements.ts';

/** What the estimating process is asked. */
export interface RunQuestion {
  /** Path of the checkpoint. */
  readonly model: string;
  /** What it is run with. */
  readonly companions: Companions;
  /** Complete, of a size that fits the model; the first is what is wanted. */
  readonly variants: readonly [EraseSettings, ...EraseSettings[]];
  readonly extent: RunExtent;
  readonly device: Device;
  readonly threads: number;
  readonly dataFolder: string;
  /** Free memory of the device; null where it cannot be told. */
  readonly freeBytes: number | null;
}

export interface RunAnswer {
  /** Of each variant, or of the first one only where it fits. */
  readonly costs: readonly RunCost[];
  /** Work a second, as `RunCost` counts it, in the first one's steps. */
  readonly rate: number;
  readonly basis: 'measured' | 'scaled';
  /** The device's largest buffer; null for one without a bound. */
  readonly bufferBytes: number | null;
}

/** A step that is likely to take no longer than this is tried. */
const MAX_TRIAL_SECONDS = 3;

/**
 * The costs of a run's variants and this machine's speed: measured before, by a real run or a trial;
 * measured now, if a step is short and fits; else scaled from what was measured on the device, or
 * from a single convolution.
 */
export async function estimateRun(question: RunQuestion): Promise<RunAnswer> {
  const { variants, extent, device, dataFolder, freeBytes } = question;
  const bufferBytes = await largestBufferOf(device, dataFolder);
  const [settings, ...smaller] = variants;
  const checkpoint = await openCheckpoint(
    question.model,
    settings.prediction ?? undefined,
    question.companions,
  );
  try {
    const costOf = (variant: EraseSettings) =>
      costOfRun(checkpoint, variant, { ...extent, device });
    const cost = await costOf(settings);
    const fits = isWithin(cost, { freeBytes, bufferBytes });
    const costs = fits ? [cost] : [cost, ...(await Promise.all(smaller.map(costOf)))];
    const known = (await readMeasurements(dataFolder)).filter(
      ({ device: on, runtime }) => on === device && runtime === runtimeVersion(),
    );
    const key = measurementKey(checkpoint, settings, question);
    const exact = known.find((measurement) => measurement.key === key);
    if (exact) return { costs, rate: exact.rate, basis: 'measured', bufferBytes };

    const scaled = known.at(-1)?.rate ?? (await probeRate(device));
    const isShort = (cost.gradient + cost.prediction) / scaled < MAX_TRIAL_SECONDS;
    const asksUnet = trainingOf(settings) !== null || settings.evaluationPictures > 0;
    if (!fits || !isShort || !asksUnet)
      return { costs, rate: scaled, basis: 'scaled', bufferBytes };
    const rate = await measureRate(checkpoint, { settings, cost, ...question });
    await addMeasurement(dataFolder, { key, device, runtime: runtimeVersion(), rate });
    return { costs, rate, basis: 'measured', bufferBytes };
  } finally {
    await checkpoint.close();
  }
}

/** What cannot be told sets no bound. */
function isWithin(
  { memoryBytes, largestTensor }: RunCost,
  { freeBytes, bufferBytes }: Record<'freeBytes' | 'bufferBytes', number | null>,
): boolean {
  return memoryBytes <= (freeBytes ?? Infinity) && largestTensor.bytes <= (bufferBytes ?? Infinity);
}

async function probeRate(device: Device): Promise<number> {
  const probe = await probeDevice(device);
  // A device that does not work is told of when the job is prepared.
  const milliseconds = probe.works ? probe.milliseconds : 1000;
  return PROBE_MULTIPLY_ADDS / (milliseconds / 1000);
}

/**
 * Runs a prediction, and a gradient where the run takes steps, as a step does; the second of two, as the
 * first one prepares.
 */
async function measureRate(
  checkpoint: Checkpoint,
  {
    settings,
    cost,
    device,
    threads,
  }: { settings: EraseSettings; cost: RunCost; device: Device; threads: number },
): Promise<number> {
  const training = trainingOf(settings);
  // With the model's own weights, whatever the job makes of them: it takes as long.
  const adapter = training && withStoredBase(training.adapter);
  const adaptation = adapter
    ? adaptationFor(checkpoint, { ...training, adapter }, '')
    : asItIs(checkpoint);
  const shape = unetShape(checkpoint, settings);
  const precision = training ? await choosePrecision(training.computePrecision, device) : 'float32';
  const session = { shape, adaptation, device, threads, precision };
  const unet = await UnetSession.create(checkpoint, session);
  const parameters = await adaptation.initial();
  const into = new TensorSet();
  const prompt = checkpoint.condition.blank(shape.contextTokens);
  const noise = new Float32Array(elementCount(unet.latentShape)).fill(0.5);
  const rows = {
    noisyLatents: noise,
    timesteps: Array.from({ length: shape.batch }, () => 500),
    prompts: Array.from({ length: shape.batch }, () => prompt),
  };
  let seconds = 0;
  for (let run = 0; run < 2; run++) {
    const started = performance.now();
    releaseTensor(await unet.predict(parameters, rows));
    if (training) await unet.gradient(parameters, rows, { target: unet.target(noise), into });
    seconds = (performance.now() - started) / 1000;
  }
  await unet.release();
  return (cost.gradient + cost.prediction) / seconds;
}
