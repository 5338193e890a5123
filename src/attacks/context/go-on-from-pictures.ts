import type { ConceptPicture } from '../../evaluation/concept-judge.ts';
import { guide, guidedRows } from '../../diffusion/guidance.ts';
import { elementAt } from '../../element-at.ts';
import { requireEncoded } from '../../families/encoded-prompt.ts';
import { predictRows } from '../../pipeline/predict-rows.ts';
import { imagesAtOnce } from '../../pipeline/sample-latents.ts';
import { createGenerator, seedFor } from '../../tensor/random.ts';
import { joinRows, splitRows } from '../../tensor/rows.ts';
import type { AttackedModel, AttackRun, Attempt, CurveWords } from '../attack.ts';

type Prompted = 'forgotten' | 'empty';
const curves = {
  scrubbed: {
    forgotten: { id: 'scrubbed', title: 'The scrubbed model, under the forgotten prompts' },
    empty: { id: 'scrubbed-empty', title: 'The scrubbed model, without a prompt' },
  },
  original: {
    forgotten: { id: 'original', title: 'The original, under the forgotten prompts' },
    empty: { id: 'original-empty', title: 'The original, without a prompt' },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<Prompted, CurveWords>>>>;

/**
 * Noises the original's pictures and has both models denoise them, under the forgotten prompts and without.
 *
 * @param shares of the process's timesteps that they are noised to
 * @throws as `Attack.run`
 */
export async function goOnFromPictures(
  run: AttackRun,
  shares: readonly number[],
): Promise<Attempt[]> {
  const from = { run, shares };
  const scrubbed = await run.with('scrubbed', (model) => goOn(model, 'scrubbed', from));
  const original = await run.with('original', (model) => goOn(model, 'original', from));
  return [...scrubbed, ...original];
}

async function goOn(
  model: AttackedModel,
  of: keyof typeof curves,
  { run, shares }: { run: AttackRun; shares: readonly number[] },
): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  for (const prompted of ['forgotten', 'empty'] as const) {
    for (const share of shares) {
      const denoised = await denoise(model, { prompted, share, run });
      attempts.push({
        curve: curves[of][prompted],
        at: Math.round(100 * share),
        pictures: denoised,
      });
      run.onPiece();
    }
  }
  return attempts;
}

/** Noises each picture with noise of its own, the same at every call, and denoises it. */
async function denoise(
  { checkpoint, encoded, unet, parameters }: AttackedModel,
  { prompted, share, run }: { prompted: Prompted; share: number; run: AttackRun },
): Promise<ConceptPicture[]> {
  const { process, condition } = checkpoint;
  const { own: pictures, settings } = run;
  const { drawing, seed } = settings;
  const unconditional = condition.unconditional(encoded.prompts, drawing.negative);
  const timestep = Math.round(share * (process.timesteps - 1));
  // Without a prompt there is nothing to lead towards.
  const guidance = prompted === 'empty' ? 1 : drawing.drawCfg;
  const isGuided = guidedRows(guidance) > 1;
  const atOnce = imagesAtOnce(unet, guidance);
  const denoised: ConceptPicture[] = [];
  while (denoised.length < pictures.length) {
    run.signal.throwIfAborted();
    const group = pictures.slice(denoised.length, denoised.length + atOnce);
    const prompts = group.map(({ prompt }) =>
      requireEncoded(encoded.prompts, prompted === 'empty' ? '' : prompt),
    );
    const size = elementAt(group, 0).latents.length;
    const x0 = joinRows(group.map(({ latents }) => latents));
    const noise = joinRows(
      group.map((_, i) =>
        createGenerator(seedFor(seed, 'context', denoised.length + i)).randn(size),
      ),
    );
    const latents = process.noise({ x0, noise, timesteps: group.map(() => timestep) });
    const predict = async (current: Float32Array, t: number) => {
      const samples = splitRows(current, size);
      const rowsUnder = (under: typeof prompts) =>
        samples.map((sample, i) => ({ sample, prompt: elementAt(under, i), timestep: t }));
      const asked = rowsUnder(prompts);
      if (!isGuided) return joinRows(await predictRows(unet, parameters, asked));
      const rows = [...rowsUnder(prompts.map(() => unconditional)), ...asked];
      const predictions = await predictRows(unet, parameters, rows);
      const towards = predictions.slice(group.length);
      return joinRows(towards.map((to, i) => guide(elementAt(predictions, i), to, guidance)));
    };
    const drawn = await process.denoise(
      { steps: drawing.drawSteps, predict },
      { latents, timestep },
    );
    denoised.push(
      ...splitRows(drawn, size).map((one, i) => ({
        ...{ ...elementAt(group, i), latents: one.slice() },
      })),
    );
  }
  return denoised;
}
