import { mkdirSync } from 'node:fs';
import path from 'node:path';

import { foldDrawing } from '../../src/drawing/spellings.ts';
import { hashCheckpoint } from '../../src/families/checkpoint-hash.ts';
import {
  defaultMethod,
  defaultSettings,
  type EraseSettings,
  ownSettings,
  type WantedSettings,
} from '../../src/methods/registry.ts';
import type { EraseEvent } from '../../src/erase/events.ts';
import type { EraseJob } from '../../src/erase/job.ts';
import { runJob } from '../../src/erase/run.ts';

const tinyModel = path.resolve('presets/tiny-sd/tiny-sd.safetensors');

/** A job of the tiny model that takes a few seconds, its result in the given folder. */
export async function makeTinyJob(folder: string, settings: WantedSettings): Promise<EraseJob> {
  mkdirSync(folder, { recursive: true });
  return {
    version: 3,
    id: 'tiny',
    createdAt: '2026-11-24T04:15:30.000Z',
    appVersion: '0.1.0',
    model: { path: tinyModel, sha256: await hashCheckpoint(tinyModel) },
    ...{ vae: null, baseLoras: [], embeddings: [] },
    prediction: null,
    output: path.join(folder, 'result.safetensors'),
    outputIsGiven: false,
    loraOutput: null,
    preset: null,
    ...{ concept: 'Pontilla', heldBack: [] },
    forget: [{ prompt: 'a star in the style of Pontilla', anchor: 'a star' }],
    concepts: [],
    forgetImages: null,
    retain: ['a red heart in the style of Strivo', 'a blue moon'],
    retainImages: null,
    warnings: [],
    shapes: [],
    judges: [],
    settings: {
      ...defaultSettings({
        method: settings.method,
        ...{ train: 'xattn', size: 64, modelChannels: 320 },
      }),
      ...ownSettings(settings.method ?? defaultMethod, {
        ...{ learningRate: 3e-5, batch: 2, steps: 4, saveEvery: 1 },
        ...{ generatedForget: 2, generatedRetain: 2, drawSteps: 8 },
        // What comes of it is drawn only where a test looks at it.
        ...{ evaluationPictures: 0, measured: 'prompts' },
      }),
      ...foldDrawing(settings),
    } as EraseSettings,
    drawingSources: {},
    device: 'cpu',
    threads: 1,
  };
}

/**
 * Runs a job in this process.
 *
 * @param stopWhen the run is cancelled at the first event that it holds for
 * @returns everything told, by earlier runs too
 */
export async function runTinyJob(
  job: EraseJob,
  folder: string,
  past: readonly EraseEvent[] = [],
  stopWhen: (event: EraseEvent) => boolean = () => false,
): Promise<EraseEvent[]> {
  const cancelling = new AbortController();
  const events = [...past];
  const onEvent = (event: EraseEvent) => {
    events.push(event);
    if (stopWhen(event)) cancelling.abort(new Error('cancelled'));
  };
  try {
    mkdirSync(path.join(folder, 'samples'), { recursive: true });
    await runJob(job, folder, { onEvent, past, signal: cancelling.signal });
  } catch (error) {
    if (!cancelling.signal.aborted) throw error;
  }
  return events;
}
