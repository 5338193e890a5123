import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import path from 'node:path';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { latentScale } from '../../src/families/stable-diffusion/image-size.ts';
import { eraseDiffStep, type EraseDiff } from '../../src/methods/erasediff/step.ts';
import { costOfRun } from '../../src/erase/run-cost.ts';
import { defaultSettings, type EraseSettings } from '../../src/methods/registry.ts';
import { trainSets, type TrainSet } from '../../src/methods/settings-fields.ts';
import { InnerProducts, Optimizer } from '../../src/descent/optimizer.ts';
import { trainedNames } from '../../src/families/stable-diffusion/parameter-groups.ts';
import { fitFullWeights } from '../../src/adapters/full-weights.ts';
import { lowRank } from '../../src/adapters/low-rank/adapter.ts';
import { lowRankSettings } from '../../src/adapters/low-rank/settings.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { operatorTimes } from './operator-times.ts';
import { encodedPrompts } from '../helpers/encoded-prompts.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

// npm run bench -- --model FILE [--size 256] [--train xattn] [--batch 1] [--inner-steps 1]
//                  [--rank R [--base-precision int8]] [--repeats 4] [--python python3] [--operators]
// Seconds of one EraseDiff outer step, ours beside PyTorch's in the same run (torch_step.py, the
// published procedure's work and PyTorch written with care), and peak memory. FILE is a checkpoint
// of SD's sizes, or presets/tiny-sd/tiny-sd.safetensors (64 pixels, all parameters, batch 8, K 2).
// With --operators also where the time of one prediction and one gradient goes.
// With --rank a low-rank change is trained instead of the weights themselves. What the estimate counts
// stands beside the memory that was measured.
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
    python: { type: 'string' },
    operators: { type: 'boolean', default: false },
  },
});
if (values.model === undefined) throw new Error('usage: npm run bench -- --model FILE …');
const options = { device: 'cpu', threads: 2 } as const;

const checkpoint = await openCheckpoint(values.model);
const isTiny = asStableDiffusion(checkpoint).architecture.unet.modelChannels < 320;
const usual = isTiny
  ? { size: 64, train: 'full', batch: 8, innerSteps: 2 }
  : { size: 256, train: 'xattn', batch: 1, innerSteps: 1 };
const size = Number(values.size ?? usual.size);
const train = trainSets.find((set): set is TrainSet => set === (values.train ?? usual.train));
if (train === undefined) throw new Error(`--train is one of: ${trainSets.join(', ')}`);
const batch = Number(values.batch ?? usual.batch);
const innerSteps = Number(values['inner-steps'] ?? usual.innerSteps);
const repeats = Number(values.repeats ?? (isTiny ? 9 : 4));
// Before ours: the memory of both at once is more than many machines have.
const theirs: { what: string; 'seconds a step': number; 'peak GB': number }[] = [];
const isXl = asStableDiffusion(checkpoint).architecture.family === 'sdxl';
const modes = isXl ? ['careful'] : ['published', 'careful'];
for (const mode of values.python === undefined ? [] : modes) {
  const script = path.resolve(import.meta.dirname, 'torch_step.py');
  const { stdout, stderr } = spawnSync(
    values.python ?? '',
    [
      ...[
        script,
        '--mode',
        mode,
        '--size',
        String(size),
        '--train',
        train,
        '--batch',
        String(batch),
      ],
      ...['--inner-steps', String(innerSteps), '--repeats', isTiny ? '8' : '2'],
      ...(isXl ? ['--model', 'sdxl'] : []),
      ...(isTiny ? ['--model', 'tiny', '--checkpoint-folder', path.dirname(values.model)] : []),
    ],
    { encoding: 'utf8' },
  );
  const found = /([\d.]+) s a step, peak ([\d.]+) GB/.exec(stdout);
  if (!found) throw new Error(`torch_step.py --mode ${mode} gave no time:\n${stderr}`);
  theirs.push({
    what: `PyTorch, ${mode}`,
    'seconds a step': Number(found[1]),
    'peak GB': Number(found[2]),
  });
}
const latentSize = size / latentScale(asStableDiffusion(checkpoint));
const names = trainedNames(checkpoint.file.tensors.keys(), train);
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
const unetSettings = {
  shape: { batch, latentHeight: latentSize, latentWidth: latentSize, contextTokens: 77 },
  adaptation,
  ...options,
};
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
const { contextDim, inChannels, admInChannels } = asStableDiffusion(checkpoint).architecture.unet;
const projection = asStableDiffusion(checkpoint).architecture.textEncoders.at(-1)?.projection ?? 0;
const pooled = admInChannels === null ? null : generator.randn(projection);
const latents = () => generator.randn(batch * inChannels * latentSize * latentSize);
const prompts = () => encodedPrompts(generator.randn(batch * 77 * contextDim), batch, pooled);
const rows = () => ({
  noisyLatents: latents(),
  timesteps: generator.randomIntegers(batch, 0, 1000),
  prompts: prompts(),
});
const forget = () => ({ ...rows(), steerTo: { kind: 'anchor', prompts: prompts() } as const });

const seconds: number[] = [];
for (let i = 0; i < repeats; i++) {
  const started = performance.now();
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
}
await unet.release();
// The first one warms up.
const timed = (repeats > 1 ? seconds.slice(1) : seconds).sort((a, b) => a - b);
const median = timed[Math.floor(timed.length / 2)] ?? Number.NaN;
const peakKilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
const ours = { what: 'ours', 'seconds a step': median, 'peak GB': Number(peakKilobytes) / 1e6 };
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

/** What the estimate of such a job says that it takes. */
async function countedBytes(): Promise<number> {
  const { modelChannels } = asStableDiffusion(checkpoint).architecture.unet;
  const defaults = defaultSettings({
    ...{ train, size, modelChannels },
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
