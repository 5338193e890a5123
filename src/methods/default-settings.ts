import { type AdapterSettings, defaultAdapters } from '../adapters/settings.ts';
import type { SamplerName } from '../diffusion/samplers/registry.ts';
import type { Drawing } from '../drawing/drawing.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import type { DefaultsFacts } from './method.ts';
import {
  type CommonSettings,
  defaultOptimizers,
  type DescentSettings,
  type PictureSettings,
  type StepSettings,
  type TrainSet,
} from './settings-fields.ts';

interface SizedSettings {
  readonly train: TrainSet;
  readonly learningRate: number;
  /** Of a low-rank change, whatever is trained. */
  readonly lowRankLearningRate: number;
  readonly steps: number;
  readonly batch: number;
  readonly generatedForget: number;
  readonly generatedRetain: number;
  readonly drawSteps: number;
  readonly drawCfg: number;
  readonly drawSampler: SamplerName;
}

/** Models as wide as those of Stable Diffusion: what the published code takes for it. */
const fullSized: SizedSettings = {
  // The layers that read the prompt.
  train: 'xattn',
  learningRate: 1e-5,
  // As LoRA trainers take it: ten times that of whole weights.
  lowRankLearningRate: 1e-4,
  steps: 200,
  batch: 1,
  generatedForget: 32,
  generatedRetain: 64,
  drawSteps: 20,
  drawCfg: 7.5,
  drawSampler: 'DPM++ 2M',
};

/**
 * Models of a few million parameters, which learn at rates that would harm a large one, and whose
 * prompts are not in the cross-attention alone. Measured on tiny-sd: `npm run bench:erase`.
 */
const tiny: SizedSettings = {
  train: 'full',
  learningRate: 6e-4,
  lowRankLearningRate: 3e-3,
  steps: 60,
  batch: 8,
  generatedForget: 48,
  generatedRetain: 256,
  drawSteps: 10,
  drawCfg: 5,
  drawSampler: 'DPM++ 2M',
};
const tinyChannels = 128;

/**
 * Models of small pictures without a text encoder: as the published code of EraseDiff takes them (Adam 1e-4,
 * whole weights), with batches that a machine without a graphics card takes.
 */
const smallPictures: SizedSettings = {
  train: 'full',
  learningRate: 2e-4,
  lowRankLearningRate: 1e-3,
  steps: 100,
  batch: 16,
  generatedForget: 64,
  generatedRetain: 256,
  drawSteps: 50,
  drawCfg: 1,
  // The best of those that take few steps and are known to fit; DDPM's own takes the whole schedule.
  drawSampler: 'DDIM',
};
/** From so many pixels on they are as CelebA-HQ's, which the published code of SISS trains at 5e-6. */
const largePixels = 128;
const largePictures: SizedSettings = {
  ...smallPictures,
  learningRate: 1e-5,
  lowRankLearningRate: 1e-4,
  steps: 60,
  batch: 4,
  generatedForget: 16,
  generatedRetain: 64,
};

/** Sets that hold most of the UNet move its output further for the same step of each parameter. */
const learningRateShares: Readonly<Record<TrainSet, number>> = {
  full: 0.5,
  notime: 0.5,
  noxattn: 0.5,
  selfattn: 1,
  xattn: 1,
  'xattn-strict': 1,
};

/** Whether a model learns at rates that would harm a large one. */
export function isTiny({ modelChannels }: Pick<DefaultsFacts, 'modelChannels'>): boolean {
  return modelChannels < tinyChannels;
}

/** How many pictures to forget a model draws itself. */
export function generatedForget(facts: DefaultsFacts): number {
  return sizedFor(facts).generatedForget;
}

/** From this size of pictures on models are SDXL's, whose whole weights few machines can train. */
const minLowRankSize = 1024;

/**
 * Layers of few channels: a rank of 16 would be most of one. On tiny-sd a change of rank 4 left hearts in
 * .005 of the pictures where whole weights left .07, and as much of what is kept (`npm run bench:erase`);
 * on a small model of emoji both were alike (`npm run bench:anchors`).
 */
const tinyAdapter: AdapterSettings = { ...defaultAdapters.lora, rank: 4 };

/**
 * How a model is changed unless the person says. Who chooses what is trained of a tiny model has all of that
 * changed: its biases, norms and convolutions too, which a low rank leaves as they are.
 */
function usualAdapter(facts: DefaultsFacts): AdapterSettings {
  if (isPixelSpace(facts)) return defaultAdapters.full;
  if (isTiny(facts)) return facts.train === undefined ? tinyAdapter : defaultAdapters.full;
  return facts.size >= minLowRankSize ? defaultAdapters.lora : defaultAdapters.full;
}

/** How a model is drawn with: as was guessed, else as most models of its size. */
export function drawingOf(
  facts: Pick<DefaultsFacts, 'size' | 'modelChannels' | 'asks' | 'drawing'>,
): Drawing {
  const { drawSteps, drawCfg, drawSampler } = sizedFor(facts);
  return {
    ...{ drawSteps, drawCfg, drawSampler, clipSkip: 1 },
    promptStyle: 'sentences',
    ...{ qualityWords: '', negative: '', width: facts.size, height: facts.size },
    ...facts.drawing,
  };
}

/** The steps of a model that was distilled to need few; undefined for others. */
export function fewSteps({ drawSteps, drawCfg }: Drawing): number | undefined {
  return drawCfg <= mostDistilledCfg ? drawSteps : undefined;
}
const mostDistilledCfg = 2;

/** What every method takes unless it knows better. */
export function commonDefaults(facts: DefaultsFacts): CommonSettings {
  return {
    ...{ prediction: null, seed: 0, evaluationPictures: 1, measured: 'more', metadata: 'minimal' },
    ...drawingOf(facts),
  };
}

/** What training in steps takes unless the method knows better. */
export function stepDefaults(
  facts: DefaultsFacts,
): StepSettings & { readonly learningRate: number } {
  const { steps, batch, learningRate, lowRankLearningRate, ...sized } = sizedFor(facts);
  const train = facts.train ?? sized.train;
  const adapter = facts.adapter ?? usualAdapter(facts);
  return {
    ...{ train, adapter, steps, batch, sampleEvery: 0, saveEvery: null },
    computePrecision: 'auto',
    output: adapter.kind === 'lora' ? 'both' : 'checkpoint',
    learningRate:
      adapter.kind === 'full' ? learningRate * learningRateShares[train] : lowRankLearningRate,
  };
}

/** What methods that follow gradients of forgetting and keeping take unless they know better. */
export function descentDefaults(
  facts: DefaultsFacts,
): CommonSettings & StepSettings & PictureSettings & DescentSettings {
  const { generatedRetain } = sizedFor(facts);
  return {
    ...commonDefaults(facts),
    ...stepDefaults(facts),
    generatedRetain,
    // Pixel-space models were trained at one shape.
    givenPictures: facts.isShapeWanted === true || isPixelSpace(facts) ? 'cut' : 'whole',
    optimizer: defaultOptimizers.adam,
    clipNorm: 1,
    accumulation: 1,
    ...{ saliency: null, ema: null },
    // On tiny-sd with 128 drawn pictures, holding to the added noise left .80 of the kept styles
    // after 40 steps, holding to the original's predictions .97.
    retainTarget: 'original',
  };
}

function sizedFor(facts: Pick<DefaultsFacts, 'size' | 'modelChannels' | 'asks'>): SizedSettings {
  if (isPixelSpace(facts)) return facts.size < largePixels ? smallPictures : largePictures;
  return isTiny(facts) ? tiny : fullSized;
}

/** Whether a model is asked by classes, or for nothing. */
export function isPixelSpace({ asks = 'words' }: Pick<DefaultsFacts, 'asks'>): boolean {
  return asks !== 'words';
}

/** What of a model its default settings depend on. */
export function sizeFacts({
  facts,
  denoiser,
  condition,
}: Checkpoint): Required<Pick<DefaultsFacts, 'size' | 'modelChannels' | 'asks'>> {
  const { nativeSize: size } = facts;
  return { size, modelChannels: denoiser.width, asks: condition.asks.kind };
}
