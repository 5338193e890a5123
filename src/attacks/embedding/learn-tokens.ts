import { LearntEmbedding, randomEmbedding } from '../../pipeline/learnt-embedding.ts';
import { noiseByChance } from '../../pipeline/soft-prompts.ts';
import { seedFor } from '../../tensor/random.ts';
import { alongSteps } from '../along-steps.ts';
import type { AttackedModel, AttackRun, Attempt, CurveWords } from '../attack.ts';
import {
  drawWith,
  placedPictures,
  type SoftAttack,
  softly,
  withSoftTokens,
} from '../soft-tokens.ts';

const curves = {
  scrubbed: { id: 'scrubbed', title: 'The scrubbed model, a learnt token' },
  original: { id: 'original', title: 'The original, a learnt token' },
  random: { id: 'random', title: 'The scrubbed model, a token by chance' },
} as const satisfies Readonly<Record<string, CurveWords>>;

/**
 * Learns a token for each of the models, and draws with it on the way; with tokens by chance too.
 *
 * @throws as `Attack.run`
 */
export async function learnTokens(run: AttackRun): Promise<Attempt[]> {
  const learnFor = (which: 'scrubbed' | 'original') => (model: AttackedModel) =>
    withSoftTokens(model, run, async (attack) => [
      ...(await learn(attack, curves[which])),
      ...(which === 'scrubbed' ? [await byChance(attack)] : []),
    ]);
  const ofScrubbed = await run.with('scrubbed', learnFor('scrubbed'), softly);
  return [...ofScrubbed, ...(await run.with('original', learnFor('original'), softly))];
}

/** Learns a token from the original's pictures, and draws with it. */
async function learn(attack: SoftAttack, curve: CurveWords): Promise<Attempt[]> {
  const { model, tokens, run } = attack;
  const { seed } = run.settings;
  const embedding = new LearntEmbedding(
    attack,
    randomEmbedding(tokens, seedFor(seed, 'embedding')),
  );
  const pictures = placedPictures(run);
  return alongSteps(run, curve, {
    draw: async () => ({ pictures: await drawWith(attack, () => embedding.values) }),
    step: (index) =>
      embedding.learn(noiseByChance(model, pictures, seedFor(seed, 'embedding', index))),
  });
}

async function byChance(attack: SoftAttack): Promise<Attempt> {
  const { tokens, run } = attack;
  const { seed, steps } = run.settings;
  const pictures = await drawWith(attack, (i) =>
    randomEmbedding(tokens, seedFor(seed, 'random', i)),
  );
  run.onPiece();
  return { curve: curves.random, at: steps, pictures };
}
