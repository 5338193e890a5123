import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import sharp from 'sharp';

import { openModelFiles } from '../../../src/families/open-model-files.ts';
import { PROVENANCE_KEY } from '../../../src/checkpoint/provenance.ts';
import { writeTensorFile } from '../../../src/checkpoint/tensor-file.ts';
import { writeScrubbedModel } from '../../../src/families/scrubbed-model.ts';
import type { EraseEvent } from '../../../src/erase/events.ts';
import type { EraseJob } from '../../../src/erase/job.ts';
import { jobBegun } from '../../../src/erase/job-begun.ts';
import { outputsOf } from '../../../src/erase/outputs.ts';
import { provenanceOf } from '../../../src/erase/result.ts';
import { AppError } from '../../../src/errors.ts';
import { openJobFolder } from '../../../src/jobs/local/job-folder.ts';
import { stepsOf } from '../../../src/methods/registry.ts';
import { serveWorker } from '../../../src/jobs/local/serve-worker.ts';

// A run without a model: its steps take a moment each, its state is their number. What it is told
// besides stands in the words to forget. What it tells is held to a real run in quick-worker.test.ts.

const STEP_MS = 20;
const SLOW_STEP_MS = 200;

serveWorker(async (jobFolder, { onEvent, signal }) => {
  const { job, path: folder } = await openJobFolder(jobFolder);
  onEvent(jobBegun(job, folder));
  const statePath = path.join(folder, 'state', 'step');
  await mkdir(path.dirname(statePath), { recursive: true });
  const isTold = (word: string) => job.forget.some(({ prompt }) => prompt.includes(word));
  const isResumed = existsSync(statePath);
  let step = isResumed ? Number(await readFile(statePath, 'utf8')) : 0;
  if (!isResumed) {
    onEvent({ event: 'phase', phase: 'encode' });
    onEvent({ event: 'phase', phase: 'generate' });
  }
  onEvent({ event: 'phase', phase: 'train' });
  while (step < stepsOf(job.settings)) {
    await setTimeout(isTold('slowly') ? SLOW_STEP_MS : STEP_MS, undefined, { signal }).catch(
      () => undefined,
    );
    if (signal.aborted) {
      await writeFile(statePath, String(step));
      throw new AppError('job.cancelled', 'cancelled');
    }
    step += 1;
    onEvent(progress(job, step));
    if (step === 3 && !isResumed) await misbehave(isTold, { statePath, step });
  }
  const file = path.join(folder, 'samples', 'after.png');
  await writeFile(file, 'a picture');
  onEvent({
    event: 'sample',
    file,
    prompt: 'a star',
    which: 'after',
    step,
    role: 'retain',
    seed: 0,
  });
  await judge(job, { folder, onEvent, step });
  onEvent({ event: 'phase', phase: 'save' });
  const { checkpoint, lora } = outputsOf(job);
  if (lora !== null) await writeNoChange(job, lora);
  if (checkpoint !== null) await writeUnchanged(job);
  onEvent({ event: 'note', message: 'nothing was rounded' });
  await rm(path.dirname(statePath), { recursive: true });
  onEvent({ event: 'done', output: job.output, job: job.id, seconds: 1 });
});

async function misbehave(
  isTold: (word: string) => boolean,
  { statePath, step }: { statePath: string; step: number },
): Promise<void> {
  if (isTold('abort')) process.abort();
  if (isTold('kill')) {
    // Two steps are done again by the run that goes on.
    await writeFile(statePath, String(step - 2));
    process.kill(process.pid, 'SIGKILL');
    await setTimeout(60_000);
  }
}

/** “judged 25”: a quarter of its pictures still show it. */
async function judge(
  { forget }: EraseJob,
  { folder, onEvent, step }: Telling & { readonly folder: string; readonly step: number },
): Promise<void> {
  const [prompt = ''] = forget.map((one) => one.prompt).filter((one) => one.includes('judged'));
  const shown = /judged (\d+)/.exec(prompt)?.[1];
  if (shown === undefined) return;
  const file = path.join(folder, 'samples', 'forgotten.png');
  const teal = { width: 16, height: 16, channels: 3, background: 'teal' } as const;
  await sharp({ create: teal }).png().toFile(file);
  onEvent({ event: 'sample', file, prompt, which: 'after', step, role: 'forget', seed: 0 });
  const evaluation = {
    forget: { pictures: 4, before: 1, after: Number(shown) / 100, margin: 1 },
    retain: { pictures: 4, before: 1, after: 1, change: 0 },
    ...{ unrelatedChange: null, figures: [], prompts: [] },
  };
  onEvent({ event: 'evaluation', evaluation });
}

interface Telling {
  readonly onEvent: (event: EraseEvent) => void;
}

function progress(job: EraseJob, step: number): EraseEvent {
  const steps = stepsOf(job.settings);
  return {
    event: 'progress',
    step,
    steps,
    retainLoss: 1 / step,
    forgetLoss: step / steps,
    gap: null,
    lambda: 1,
    retainGradientNorm: 1,
    forgetGradientNorm: 1,
    retainCosine: 1,
    forgetCosine: 1,
    secondsPerStep: STEP_MS / 1000,
    etaSeconds: ((steps - step) * STEP_MS) / 1000,
  };
}

async function writeNoChange(job: EraseJob, file: string): Promise<void> {
  const provenance = JSON.stringify(provenanceOf(job, stepsOf(job.settings), []));
  const layer = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k';
  const zeros = { elements: () => Promise.resolve(new Float32Array(64)) };
  const entries = [
    { name: `${layer}.lora_down.weight`, shape: [1, 64], ...zeros },
    { name: `${layer}.lora_up.weight`, shape: [64, 1], ...zeros },
  ];
  await writeTensorFile(file, entries, { [PROVENANCE_KEY]: provenance });
}

async function writeUnchanged(job: EraseJob): Promise<void> {
  const source = await openModelFiles(job.model.path);
  const trained = 'model.diffusion_model.out.2.bias';
  try {
    await writeScrubbedModel({
      source,
      outputPath: job.output,
      replaced: new Map([[trained, () => source.readFloat32(trained)]]),
      metadata: { [PROVENANCE_KEY]: JSON.stringify(provenanceOf(job, stepsOf(job.settings), [])) },
    });
  } finally {
    await source.close();
  }
}
