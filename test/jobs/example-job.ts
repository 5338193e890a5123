import { defaultSettings, usualModel } from '../../src/methods/registry.ts';
import type { EraseJob } from '../../src/erase/job.ts';

/** A job that is valid, of a model that need not exist. */
export const exampleJob: Omit<EraseJob, 'id'> = {
  version: 3,
  createdAt: '2026-11-24T04:15:30.000Z',
  appVersion: '0.1.0',
  model: { path: '/models/a.safetensors', sha256: '0'.repeat(64) },
  ...{ vae: null, baseLoras: [], embeddings: [] },
  prediction: {
    predictionType: 'epsilon',
    zeroTerminalSnr: false,
    basis: 'stated',
    source: 'parameterization "eps" in "a.yaml"',
    remarks: [],
  },
  output: '/models/a-without-pontilla.safetensors',
  outputIsGiven: false,
  loraOutput: null,
  preset: null,
  concept: null,
  heldBack: [],
  forget: [{ prompt: 'a star in the style of Pontilla', anchor: 'a star' }],
  concepts: [],
  forgetImages: null,
  retain: ['a photo'],
  retainImages: null,
  warnings: [],
  shapes: [],
  judges: [],
  settings: defaultSettings(usualModel),
  drawingSources: {},
  device: 'cpu',
  threads: 1,
};
