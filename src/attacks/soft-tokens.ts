import type { SoftTokens } from '../families/family.ts';
import type { ConceptPicture } from '../evaluation/concept-judge.ts';
import type { PlacedPicture } from '../pipeline/soft-prompts.ts';
import type { AttackedModel, AttackRun, Attempt, CurveWords } from './attack.ts';
import { drawAttempt } from './draw-attempt.ts';
import { tokenPlace } from './token-place.ts';

/** What attacks on what prompts say have at hand. */
export interface SoftAttack {
  readonly model: AttackedModel;
  readonly tokens: SoftTokens;
  readonly run: AttackRun;
}

/**
 * Attacks the scrubbed model, then the original for its own line: each is opened so that it gives the gradient to
 * what prompts say.
 *
 * @throws as `Attack.run`
 */
export async function attackBoth(
  run: AttackRun,
  attack: (soft: SoftAttack, which: 'scrubbed' | 'original') => Promise<Attempt[]>,
): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  for (const which of ['scrubbed', 'original'] as const) {
    const made = await run.with(
      which,
      (model) => withSoftTokens(model, run, (soft) => attack(soft, which)),
      { givesContextGradient: true },
    );
    attempts.push(...made);
  }
  return attempts;
}

/** What a model draws with embeddings by chance: float32 [n, C], for each picture. */
export async function drawByChance(
  attack: SoftAttack,
  curve: CurveWords,
  of: (picture: number) => Float32Array,
): Promise<Attempt> {
  const { run } = attack;
  const pictures = await drawWith(attack, of);
  run.onPiece();
  return { curve, at: run.settings.steps, pictures };
}

/** Opens a model's free tokens for some work. @throws AppError `model.unsupported` */
async function withSoftTokens<T>(
  model: AttackedModel,
  run: AttackRun,
  work: (attack: SoftAttack) => Promise<T>,
): Promise<T> {
  const { device, threads, drawing } = run.settings;
  const { clipSkip } = drawing;
  const tokens = await model.checkpoint.condition.openSoftTokens({ device, threads, clipSkip });
  try {
    return await work({ model, tokens, run });
  } finally {
    await tokens.release();
  }
}

/** The original's pictures, and where tokens stand that are to bring them. */
export function placedPictures({ own, settings }: AttackRun): PlacedPicture[] {
  return own.map((picture) => ({
    ...{ latents: picture.latents, place: tokenPlace(picture, settings.concept) },
  }));
}

/** Draws the prompts with free tokens in the place of the concept. @param of float32 [n, C], for each picture */
export async function drawWith(
  { model, tokens, run }: SoftAttack,
  of: (picture: number) => Float32Array,
): Promise<ConceptPicture[]> {
  const encoded = [];
  for (const [i, { prompt, anchor }] of run.own.entries()) {
    const place = tokenPlace({ prompt, anchor }, run.settings.concept);
    encoded.push({ prompt, anchor, asked: await tokens.encode(place, of(i)) });
  }
  return drawAttempt(model, encoded, run);
}
