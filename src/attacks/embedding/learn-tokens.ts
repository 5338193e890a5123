import { LearntEmbedding, randomEmbedding } from '../../pipeline/learnt-embedding.ts';
import { noiseByChance } from '../../pipeline/soft-prompts.ts';
import { seedFor } from '../../tensor/random.ts';
import { alongSteps } from '../along-steps.ts';
import type { AttackRun, Attempt, CurveWords } from '../attack.ts';
import {
  attackBoth,
  drawByChance,
  drawWith,
  placedPictures,
  type SoftAttack,
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
  const { seed } = run.settings;
  return attackBoth(run, async (attack, which) => {
    const learnt = await learn(attack, curves[which]);
    if (which === 'original') return learnt;
    const byChance = (i: number) => randomEmbedding(attack.tokens, seedFor(seed, 'random', i));
    return [...learnt, await drawByChance(attack, curves.random, byChance)];
  });
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
