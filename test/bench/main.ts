import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import path from 'node:path';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { eraseDiffStep, type EraseDiff } from '../../src/methods/erasediff/step.ts';
import { costOfRun } from '../../src/erase/run-cost.ts';
import { sizeFacts } from '../../src/methods/default-settings.ts';
import { defaultSettings, type EraseSettings } from '../../src/methods/registry.ts';
import { trainSets, type TrainSet } from '../../src/methods/settings-fields.ts';
import { InnerProducts, Optimizer } from '../../src/descent/optimizer.ts';
import { fitFullWeights } from '../../src/adapters/full-weights.ts';
import { lowRank } from '../../src/adapters/low-rank/adapter.ts';
import { lowRankSettings } from '../../src/adapters/low-rank/settings.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { elementCount } from '../../src/tensor/shape.ts';
import { operatorTimes } from './operator-times.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

// npm run bench -- --model FILE [--size 256] [--train xattn] [--batch 1] [--inner-steps 1]
//                  [--rank R [--base-precision int8]] [--repeats 4] [--threads 2] [--python python3]
//                  [--operators] [--bfloat16]
// Seconds of one EraseDiff outer step, ours beside PyTorch's in the same run (torch_step.py, the
// published procedure's work and PyTorch written with care), and peak memory. FILE is a checkpoint
// of SD's sizes, or presets/tiny-sd/tiny-sd.safetensors (64 pixels, all parameters, batch 8, K 2), or
// the folder of a pixel-space model (its own size, all parameters, steered to noise; beside
// torch_pixel_step.py, which also writes a random one of CelebA-HQ's size).
// With --operators also where the time of one prediction and one gradient goes.
// With --rank a low-rank change is trained instead of the weights themselves, PyTorch's with gradient
// checkpointing; with --bfloat16 PyTorch's also in that. What the estimate counts stands beside the memory
// that was measured.
// The batches are random numbers: the values do not change the work.

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    size: { type: 'string' },
    train: { type: 'string' },
    batch: { type: 'string' },
    'inner-steps': { type: 'string' },
    rank: { type: 'string' },
    'base-precision': { type: 'string', default: 'stored' },
    repeats: { type: 'string' },
    threads: { type: 'string', default: '2' },
    python: { type: 'string' },
    operators: { type: 'boolean', default: false },
    bfloat16: { type: 'boolean', default: false },
  },
});
if (values.model === undefined) throw new Error('usage: npm run bench -- --model FILE …');
const options = { device: 'cpu', threads: Number(values.threads) } as const;

const checkpoint = await openCheckpoint(values.model);
const isPixel = checkpoint.condition.asks.kind !== 'words';
const { nativeSize } = checkpoint.facts;
const isTiny = nativeSize <= 64;
const usual = isPixel
  ? { size: nativeSize, train: 'full', batch: isTiny ? 8 : 1, innerSteps: 1 }
  : isTiny
    ? { size: 64, train: 'full', batch: 8, innerSteps: 2 }
    : { size: 256, train: 'xattn', batch: 1, innerSteps: 1 };
const size = Number(values.size ?? usual.size);
const train = trainSets.find((set): set is TrainSet => set === (values.train ?? usual.train));
if (train === undefined) throw new Error(`--train is one of: ${trainSets.join(', ')}`);
const batch = Number(values.batch ?? usual.batch);
const innerSteps = Number(values['inner-steps'] ?? usual.innerSteps);
const repeats = Number(values.repeats ?? (isTiny ? 9 : 4));

interface Row {
  readonly what: string;
  readonly 'seconds a step': number;
  /** Of processors: on a busy machine that tells more. */
  readonly 'processor seconds': number;
  readonly 'peak GB': number;
}
// Before ours: the memory of both at once is more than many machines have.
const isXl = !isPixel && asStableDiffusion(checkpoint).architecture.family === 'sdxl';
const { python } = values;
const theirs =
  python === undefined ? [] : torchRuns(values.model, train).map((run) => timeTorch(python, run));
const latentSize = size / checkpoint.codec.scale;
const names = checkpoint.groups.namesOf(train);
const rank = values.rank === undefined ? null : Number(values.rank);
const adapter = lowRankSettings.parse({
  ...{ kind: 'lora', rank: rank ?? 1 },
  basePrecision: values['base-precision'],
});
const workFolder = mkdtempSync(path.join(tmpdir(), 'erase-concept-bench-'));
const adaptation =
  rank === null
    ? fitFullWeights(checkpoint, names)
    : lowRank.fit(checkpoint, names, { adapter, seed: 0, folder: workFolder });
await adaptation.base?.make();
const parameters = await adaptation.initial();
const specs = adaptation.parameters;
const { tokens } = checkpoint.condition;
const shape = {
  ...{ batch, latentHeight: latentSize, latentWidth: latentSize, contextTokens: tokens },
};
const unetSettings = { shape, adaptation, ...options };
const unet = await UnetSession.create(checkpoint, unetSettings);
const sgd = { kind: 'sgd', momentum: 0, weightDecay: 0 } as const;
const adam = { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } as const;
const outer = await Optimizer.create(specs, adam, { ...options, terms: 2 });
const inner = await Optimizer.create(specs, sgd, { ...options, terms: 1 });
const run: EraseDiff = {
  model: unet,
  parameters,
  outer,
  outerState: outer.freshState(),
  inner,
  innerState: inner.freshState(),
  accumulator: await Optimizer.create(specs, sgd, { ...options, terms: 1 }),
  innerProducts: await InnerProducts.create(specs, options),
  workspace: {
    first: TensorSet.zeros(specs),
    second: TensorSet.zeros(specs),
    third: new TensorSet(),
  },
};
const generator = createGenerator(1);
const latents = () => generator.randn(elementCount(checkpoint.denoiser.latentShape(shape)));
const prompts = () => Array.from({ length: batch }, () => checkpoint.condition.blank(tokens));
const rows = () => ({
  noisyLatents: latents(),
  timesteps: generator.randomIntegers(batch, 0, 1000),
  prompts: prompts(),
});
const forget = () => ({
  ...rows(),
  steerTo: isPixel
    ? ({ kind: 'values', values: latents() } as const)
    : ({ kind: 'anchor', prompts: prompts() } as const),
});

const seconds: number[] = [];
const busy: number[] = [];
for (let i = 0; i < repeats; i++) {
  const started = performance.now();
  const before = process.cpuUsage();
  await eraseDiffStep(
    run,
    {
      inner: Array.from({ length: innerSteps }, forget),
      forget: [forget()],
      retain: [{ ...rows(), target: latents() }],
    },
    {
      rule: { kind: 'constant', lambda: 1 },
      innerLearningRate: 1e-5,
      learningRate: 1e-5,
      clipNorm: null,
    },
  );
  seconds.push((performance.now() - started) / 1000);
  const { user, system } = process.cpuUsage(before);
  busy.push((user + system) / 1e6);
}
await unet.release();
const peakKilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
const median = medianOf(seconds);
const ours: Row = {
  ...{ what: 'ours', 'seconds a step': median, 'processor seconds': medianOf(busy) },
  'peak GB': Number(peakKilobytes) / 1e6,
};
console.log(`counted by the estimate: ${((await countedBytes()) / 1e9).toFixed(2)} GB`);
if (values.operators) await printOperators();
await checkpoint.file.close();
rmSync(workFolder, { recursive: true });
console.table(
  [ours, ...theirs].map((row) => ({
    ...row,
    'ours is': `${(median / row['seconds a step']).toFixed(2)} of it`,
  })),
);

interface TorchRun {
  /** As the table calls it. */
  readonly what: string;
  readonly ask: readonly string[];
}
/** What PyTorch is timed with. */
function torchRuns(model: string, train: TrainSet): TorchRun[] {
  if (isPixel) {
    const ask = ['--model', model, '--size', String(size)];
    return [{ what: 'PyTorch, careful', ask }];
  }
  const careful = [
    ...['--mode', 'careful', '--size', String(size), '--train', train],
    ...(isXl ? ['--model', 'sdxl'] : []),
    ...(isTiny ? ['--model', 'tiny', '--checkpoint-folder', path.dirname(model)] : []),
    ...(values.rank === undefined ? [] : ['--rank', values.rank, '--recompute']),
  ];
  const isPublished = !isXl && values.rank === undefined;
  return [
    ...(isPublished
      ? [{ what: 'PyTorch, published', ask: [...careful, '--mode', 'published'] }]
      : []),
    { what: 'PyTorch, careful', ask: careful },
    ...(values.bfloat16
      ? [{ what: 'PyTorch, bfloat16', ask: [...careful, '--precision', 'bfloat16'] }]
      : []),
  ];
}

function timeTorch(python: string, { what, ask }: TorchRun): Row {
  const timed = values.repeats ? repeats - 1 : isTiny ? 8 : 2;
  const script = isPixel ? 'torch_pixel_step.py' : 'torch_step.py';
  const { stdout, stderr, status, signal, error } = spawnSync(
    python,
    [
      ...[path.resolve(import.meta.dirname, script), ...ask],
      ...['--batch', String(batch), '--inner-steps', String(innerSteps)],
      ...['--threads', values.threads, '--repeats', String(timed)],
    ],
    { encoding: 'utf8' },
  );
  const found = /([\d.]+) s a step, ([\d.]+) s of a processor, peak ([\d.]+) GB/.exec(stdout);
  if (!found) {
    // One that was killed, for want of memory say, has written nothing.
    const end = error?.message ?? (signal ? `ended by ${signal}` : `code ${status}`);
    throw new Error(`${script} gave no time (${end}):\n${stderr}`);
  }
  return {
    what,
    'seconds a step': Number(found[1]),
    'processor seconds': Number(found[2]),
    'peak GB': Number(found[3]),
  };
}

/** Without the first, which warms up. */
function medianOf(measured: readonly number[]): number {
  const timed = (measured.length > 1 ? measured.slice(1) : [...measured]).sort((a, b) => a - b);
  return timed[Math.floor(timed.length / 2)] ?? Number.NaN;
}

/** What the estimate of such a job says that it takes. */
async function countedBytes(): Promise<number> {
  const defaults = defaultSettings({
    ...{ ...sizeFacts(checkpoint), train, size },
    ...(rank !== null && { adapter }),
  });
  const settings: EraseSettings = { ...defaults, ...{ batch, innerSteps } };
  const prompts = { forget: 1, retain: 1 };
  const extent = { prompts, drawnPictures: 0, device: 'cpu' } as const;
  return (await costOfRun(checkpoint, settings, extent)).memoryBytes;
}

/** One prediction and one gradient with the runtime's own clock around each node. */
async function printOperators(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'erase-concept-bench-'));
  const profiled = await UnetSession.create(checkpoint, {
    ...unetSettings,
    profilePrefix: path.join(folder, 'trace'),
  });
  await profiled.predict(parameters, rows());
  const target = profiled.target(latents());
  await profiled.gradient(parameters, rows(), { target, into: run.workspace.first });
  profiled.endProfiling();
  await profiled.release();
  const trace = readdirSync(folder)[0] ?? '';
  console.table(operatorTimes(path.join(folder, trace)).slice(0, 15));
  rmSync(folder, { recursive: true });
}
