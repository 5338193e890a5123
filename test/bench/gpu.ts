import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { diagnose, forkTypescript, waitForEnd } from '../../src/processes/fork-typescript.ts';
import { runtimeVersion } from '../../src/runtime/backends.ts';
import { devices } from '../../src/runtime/device.ts';
import { cards, usedCardBytes } from './cards.ts';
import type { GpuTask, StepMeasurement } from './gpu-worker.ts';

// npm run bench:gpu [-- --out gpu.json] [--models FOLDER] [--device webgpu] [--limit 480] [--tiny]
// For a machine with a graphics card: what the card is, its largest buffer, how far a gradient is from the
// CPU's, and seconds and memory of a step of SD 1.5 at 512 and SDXL at 1024 pixels with a change of rank 16,
// on weights in 16 and in 8 bits. The checkpoints have random weights and are made in FOLDER where they are
// not there (9 GB). What the seconds of --limit are too few for is left out, and said. The report is written
// anew after each part. With --tiny only the tiny model is measured, to try the command.

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'gpu.json' },
    models: { type: 'string' },
    device: { type: 'string', default: 'webgpu' },
    limit: { type: 'string', default: '480' },
    tiny: { type: 'boolean', default: false },
  },
});
const device = devices.find((name) => name === values.device);
if (!device) throw new Error(`--device is one of: ${devices.join(', ')}`);
const began = performance.now();
const secondsLeft = () => Number(values.limit) - (performance.now() - began) / 1000;
const folder = mkdtempSync(path.join(tmpdir(), 'erase-concept-gpu-'));
const models = values.models ?? folder;
mkdirSync(models, { recursive: true });

const tiny = path.resolve('presets/tiny-sd/tiny-sd.safetensors');
const lora = (rank: number, basePrecision = 'stored') => ({ kind: 'lora', rank, basePrecision });
const steps = values.tiny
  ? [{ title: 'tiny, 64', family: null, size: 64, adapter: lora(4) }]
  : [
      { title: 'SD 1.5, 512, rank 16', family: 'sd1', size: 512, adapter: lora(16) },
      { title: 'SDXL, 1024, rank 16', family: 'sdxl', size: 1024, adapter: lora(16) },
      { title: 'SDXL, 1024, rank 16, int8', family: 'sdxl', size: 1024, adapter: lora(16, 'int8') },
    ];

const report: Record<string, unknown> = {
  runtime: runtimeVersion(),
  node: process.versions.node,
  platform: `${process.platform} ${process.arch}`,
  cpu: cpus()[0]?.model.trim(),
  memoryBytes: totalmem(),
  ...{ device, cards: cards(), cardBytesBefore: usedCardBytes() },
};

/** Puts a part into the report, as far as it goes. */
function tell(name: string, value: unknown): void {
  report[name] = value;
  writeFileSync(values.out, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`${name}: ${JSON.stringify(value)}`);
}

/** What became of a task. */
interface Outcome<T> {
  readonly result?: T;
  /** Why there is none. */
  readonly reason?: string;
  /** The most memory of the process, and in use on the cards, that was seen meanwhile. */
  readonly processBytes: number;
  readonly cardBytes: number | null;
}

const SAMPLE_MS = 250;

/** Does a task in a process of its own, in the time that is left. */
async function measure<T>(task: GpuTask): Promise<Outcome<T>> {
  const worker = forkTypescript(new URL('./gpu-worker.ts', import.meta.url));
  const answers: { result?: T; reason?: string }[] = [];
  worker.process.once('message', (answer: { result?: T; reason?: string }) => answers.push(answer));
  let processBytes = 0;
  let cardBytes: number | null = null;
  const sampling = setInterval(() => {
    processBytes = Math.max(processBytes, peakBytesOf(worker.process.pid));
    const used = usedCardBytes();
    if (used !== null) cardBytes = Math.max(cardBytes ?? 0, used);
  }, SAMPLE_MS);
  const limit = setTimeout(() => worker.process.kill('SIGKILL'), Math.max(0, secondsLeft()) * 1000);
  worker.process.send(task, () => undefined);
  const end = await waitForEnd(worker);
  clearInterval(sampling);
  clearTimeout(limit);
  const [answer] = answers;
  if (answer) return { ...answer, processBytes, cardBytes };
  const death = diagnose(end, worker.complaint());
  const reason =
    secondsLeft() <= 0 ? 'no time was left' : `the process ended: ${death?.name ?? 'no answer'}`;
  return { reason, processBytes, cardBytes };
}

/** The most memory that a process had so far, where the system tells it. */
function peakBytesOf(pid: number | undefined): number {
  const file = `/proc/${pid ?? 0}/status`;
  if (!existsSync(file)) return 0;
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(file, 'utf8'))?.[1] ?? 0) * 1024;
}

/** The largest power of two of bytes that a buffer can have. */
async function largestBuffer(): Promise<number> {
  let largest = 0;
  for (let bytes = 2 ** 27; bytes <= 2 ** 35; bytes *= 2) {
    const { result } = await measure<boolean>({
      kind: 'buffer',
      ...{ device: device ?? 'cpu', bytes },
    });
    if (result !== true) break;
    largest = bytes;
  }
  return largest;
}

/** The largest difference of a gradient from the CPU's, relative to its largest element. */
async function difference(): Promise<number | string> {
  const task = {
    kind: 'gradient',
    model: tiny,
    size: 64,
    adapter: { kind: 'full' },
    folder,
  } as const;
  const ours = await measure<number[]>({ ...task, device: device ?? 'cpu' });
  const cpu = await measure<number[]>({ ...task, device: 'cpu' });
  if (!ours.result || !cpu.result) return ours.reason ?? cpu.reason ?? 'no answer';
  let [largest, furthest] = [0, 0];
  for (const [i, element] of cpu.result.entries()) {
    largest = Math.max(largest, Math.abs(element));
    furthest = Math.max(furthest, Math.abs(element - (ours.result[i] ?? Number.NaN)));
  }
  return furthest / largest;
}

/** A checkpoint of a family's size with random weights. */
function modelOf(family: string | null): string {
  if (family === null) return tiny;
  const file = path.join(models, `${family}.safetensors`);
  if (!existsSync(file)) {
    const script = path.resolve(import.meta.dirname, 'make-full-size.ts');
    const { status, stderr } = spawnSync('npx', ['tsx', script, file, '--family', family], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${file} could not be made:\n${stderr}`);
  }
  return file;
}

tell('largestBufferBytes', await largestBuffer());
tell('gradientDifferenceToCpu', await difference());
for (const { title, family, size, adapter } of steps) {
  if (secondsLeft() <= 0) {
    tell(title, { reason: 'no time was left' });
    continue;
  }
  const model = modelOf(family);
  tell(
    title,
    await measure<StepMeasurement>({
      kind: 'step',
      model,
      device,
      size,
      adapter,
      folder,
      repeats: 3,
    }),
  );
}
rmSync(folder, { recursive: true });
