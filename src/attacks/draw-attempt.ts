import type { ConceptPicture } from '../evaluation/concept-judge.ts';
import { samplingOf } from '../drawing/drawing.ts';
import { elementAt } from '../element-at.ts';
import { type EncodedPrompt, requireEncoded } from '../families/encoded-prompt.ts';
import { drawLatents } from '../pipeline/draw-latents.ts';
import { seedFor } from '../tensor/random.ts';
import type { AttackedModel, AttackedPrompt, AttackRun } from './attack.ts';

/** As many prompts as pictures, in turn. */
function inTurn<T>(prompts: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, i) => elementAt(prompts, i % prompts.length));
}

/** What a model draws of the prompts themselves, as many pictures as a point has. */
export function drawAsked(
  model: AttackedModel,
  run: Pick<AttackRun, 'settings' | 'signal'>,
): Promise<ConceptPicture[]> {
  const { prompts, count } = run.settings;
  const asked = inTurn(prompts, count).map((one) => ({
    ...{ ...one, asked: requireEncoded(model.encoded.prompts, one.prompt) },
  }));
  return drawAttempt(model, asked, run);
}

/**
 * Pictures of prompts, in the order given, each of the same noise at every call.
 *
 * @param prompts what each is judged as, and what the model is asked with
 */
export async function drawAttempt(
  { checkpoint, encoded, unet, parameters }: AttackedModel,
  prompts: readonly (AttackedPrompt & { readonly asked: EncodedPrompt })[],
  { settings, signal }: Pick<AttackRun, 'settings' | 'signal'>,
): Promise<ConceptPicture[]> {
  const { drawing, seed } = settings;
  const unconditional = checkpoint.condition.unconditional(encoded.prompts, drawing.negative);
  const latents = await drawLatents(
    { unet, parameters },
    prompts.map(({ asked }, i) => ({
      prompt: asked,
      ...{ unconditional, seed: seedFor(seed, 'attack', i) },
    })),
    { ...samplingOf(drawing), process: checkpoint.process },
    { signal },
  );
  return prompts.map(({ prompt, anchor }, i) => ({
    ...{ prompt, anchor, latents: elementAt(latents, i) },
  }));
}
