import { elementAt } from '../../element-at.ts';
import { adaptationFor } from '../../methods/adaptation.ts';
import { sizeFacts } from '../../methods/default-settings.ts';
import { fineTune } from '../../methods/finetune/method.ts';
import type { FineTuneSettings } from '../../methods/finetune/settings.ts';
import type { Checkpoint } from '../../families/checkpoint.ts';
import { requireEncoded } from '../../families/encoded-prompt.ts';
import { BatchSource } from '../../training/batch-source.ts';
import type { DatasetItem } from '../../training/dataset.ts';
import { alongSteps } from '../along-steps.ts';
import type { AttackedModel, AttackRun, Attempt, CurveWords } from '../attack.ts';
import { drawAsked, drawAttempt } from '../draw-attempt.ts';

const curves = {
  scrubbed: { id: 'scrubbed', title: 'The scrubbed model, fine-tuned' },
  original: { id: 'original', title: 'The original, fine-tuned' },
} as const satisfies Readonly<Record<string, CurveWords>>;

/** Pictures that are trained on, for each picture of a point. */
const trainedShare = 4;

/**
 * Fine-tunes both models on what the original draws of kept prompts, as the method `finetune` trains by
 * default, and draws the forgotten prompts on the way.
 *
 * @throws as `Attack.run`
 */
export async function fineTuneBoth(run: AttackRun): Promise<Attempt[]> {
  const kept = await run.with('original', (model) => drawKept(model, run));
  run.onPiece();
  const tune = (which: 'scrubbed' | 'original') =>
    run.with(which, (model) => trainOn(kept, curves[which], { model, run }), {
      adaptation: (checkpoint) => adaptationFor(checkpoint, settingsFor(checkpoint, run), ''),
    });
  return [...(await tune('scrubbed')), ...(await tune('original'))];
}

/** Whole weights, which need no files of their own. */
function settingsFor(checkpoint: Checkpoint, { settings }: AttackRun): FineTuneSettings {
  const facts = { ...sizeFacts(checkpoint), drawing: settings.drawing, adapter: wholeWeights };
  return { ...fineTune.defaults(facts), seed: settings.seed };
}
const wholeWeights = { kind: 'full' } as const;

async function drawKept(model: AttackedModel, run: AttackRun): Promise<DatasetItem[]> {
  const { retain, count } = run.settings;
  const prompts = Array.from({ length: trainedShare * count }, (_, i) => {
    const prompt = elementAt(retain, i % retain.length);
    const asked = requireEncoded(model.encoded.prompts, prompt);
    return { prompt, anchor: prompt, asked };
  });
  const { latentHeight, latentWidth } = model.unet.shape;
  const drawn = await drawAttempt(model, prompts, run);
  return drawn.map(({ prompt, latents }) => ({
    ...{ prompt, latents, size: { latentHeight, latentWidth }, framing: null },
  }));
}

async function trainOn(
  retain: readonly DatasetItem[],
  curve: CurveWords,
  { model, run }: { readonly model: AttackedModel; readonly run: AttackRun },
): Promise<Attempt[]> {
  const { checkpoint, unet, encoded } = model;
  const { settings } = run;
  const { device, threads } = settings;
  const anchors = new Map<string, string>();
  const { prompts } = encoded;
  const trainer = await fineTune.open({
    ...model,
    ...{ settings: settingsFor(checkpoint, run), model: unet, device, threads, saved: null },
    prompts: { forget: anchors, retain: settings.retain, encoded: prompts },
    batches: new BatchSource(
      { forget: [], retain, anchors, prompts },
      { seed: settings.seed, batch: unet.shape.batch, process: checkpoint.process },
    ),
  });
  try {
    return await alongSteps(run, curve, {
      draw: async () => ({ pictures: await drawAsked(model, run) }),
      step: (index) => trainer.step(index),
    });
  } finally {
    await trainer.release();
  }
}
