import { elementAt } from '../../element-at.ts';
import { decodeImage } from '../../images/decode-image.ts';
import { LearntEmbedding, randomEmbedding } from '../../pipeline/learnt-embedding.ts';
import { noiseByChance } from '../../pipeline/soft-prompts.ts';
import { createGenerator, seedFor } from '../../tensor/random.ts';
import { alongSteps } from '../along-steps.ts';
import type { AttackRun, Attempt, CurveWords } from '../attack.ts';
import { drawAttempt } from '../draw-attempt.ts';
import { attackBoth, type SoftAttack } from '../soft-tokens.ts';
import { tokenPlace } from '../token-place.ts';
import { type Target, targetsOf } from './targets.ts';

const curves = {
  scrubbed: { id: 'scrubbed', title: 'The scrubbed model, a token for each picture' },
  original: { id: 'original', title: 'The original, a token for each picture' },
  random: { id: 'random', title: 'The scrubbed model, a token by chance' },
} as const satisfies Readonly<Record<string, CurveWords>>;

/**
 * Learns a token for each of a few given pictures with both models, and draws with it on the way; with tokens by
 * chance too.
 *
 * @throws as `Attack.run`; AppError `image.*`
 */
export async function extractPictures(run: AttackRun): Promise<Attempt[]> {
  const targets = targetsOf(run.settings);
  return attackBoth(run, async (attack, which) => {
    const latents = await encode(attack, targets);
    const learnt: Attempt[] = [];
    for (const [i, target] of targets.entries()) {
      const picture = elementAt(latents, i);
      learnt.push(...(await learn(attack, { target, picture, number: i }, curves[which])));
    }
    const attempts = byPoint(learnt);
    if (which === 'original') return attempts;
    const pictures = [];
    for (const [i, target] of targets.entries()) {
      const token = randomEmbedding(attack.tokens, seedFor(run.settings.seed, 'random', i));
      pictures.push(...(await draw(attack, target, token)));
    }
    run.onPiece();
    return [...attempts, { curve: curves.random, at: run.settings.steps, pictures }];
  });
}

/** Latents of the pictures: float32 [C, h, w] each. */
async function encode({ model, run }: SoftAttack, targets: readonly Target[]) {
  const { drawing, seed, device, threads } = run.settings;
  const { width, height } = drawing;
  const encoder = await model.checkpoint.codec.openEncoder({ width, height, device, threads });
  try {
    const generator = createGenerator(seedFor(seed, 'encode'));
    const latents: Float32Array[] = [];
    for (const { file } of targets) {
      const image = await decodeImage(file, { width, height });
      latents.push(await encoder.encode(image, (count) => generator.randn(count)));
    }
    return latents;
  } finally {
    await encoder.release();
  }
}

/** Learns a token from one picture, and draws with it. */
async function learn(
  attack: SoftAttack,
  of: { readonly target: Target; readonly picture: Float32Array; readonly number: number },
  curve: CurveWords,
): Promise<Attempt[]> {
  const { model, tokens, run } = attack;
  const { seed, concept } = run.settings;
  const { target, number } = of;
  const token = new LearntEmbedding(
    attack,
    randomEmbedding(tokens, seedFor(seed, 'extraction', number)),
  );
  const pictures = [{ latents: of.picture, place: tokenPlace(target, concept) }];
  return alongSteps(run, curve, {
    draw: async () => ({ pictures: await draw(attack, target, token.values) }),
    step: (index) =>
      token.learn(noiseByChance(model, pictures, seedFor(seed, 'extraction', number, index))),
  });
}

/** Draws from noise with a token. @param token float32 [C] */
async function draw({ model, tokens, run }: SoftAttack, target: Target, token: Float32Array) {
  const { prompt, anchor, count } = target;
  const asked = await tokens.encode(tokenPlace(target, run.settings.concept), token);
  const prompts = Array.from({ length: count }, () => ({ prompt, anchor, asked }));
  return drawAttempt(model, prompts, run);
}

/** The pictures of all tokens after as many steps as one point. */
function byPoint(attempts: readonly Attempt[]): Attempt[] {
  const points = new Map<number, Attempt>();
  for (const attempt of attempts) {
    const before = points.get(attempt.at)?.pictures ?? [];
    points.set(attempt.at, { ...attempt, pictures: [...before, ...attempt.pictures] });
  }
  return [...points.values()];
}
