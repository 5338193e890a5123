import type { ConceptPicture } from '../../evaluation/concept-judge.ts';
import type { SoftToken } from '../../families/family.ts';
import { seedFor } from '../../tensor/random.ts';
import type { Attack, AttackedModel, AttackRun, Attempt, CurveWords } from '../attack.ts';
import { drawAttempt } from '../draw-attempt.ts';
import { LearntEmbedding, randomEmbedding } from './learn-embedding.ts';
import { tokenPlace } from './token-place.ts';

/** Points of a curve, behind the one before the first step. */
const points = 4;

const curves = {
  scrubbed: { id: 'scrubbed', title: 'The scrubbed model, a learnt token' },
  original: { id: 'original', title: 'The original, a learnt token' },
  random: { id: 'random', title: 'The scrubbed model, a token by chance' },
} as const satisfies Readonly<Record<string, CurveWords>>;

/** One token, learnt by gradients from the original's pictures of the concept. */
export const embeddingAttack: Attack = {
  id: 'embedding',
  words: {
    title: 'A learnt token (textual inversion)',
    help: 'Learns one token, from pictures of the original, that brings the concept back: in the place of its own words (--concept), else behind the prompts without it.',
    axis: 'Steps of learning',
    limits:
      'Whoever learns a token has pictures of the concept. The original’s own line says how much a token of so many steps can do at all, a token by chance how much is nothing but the judge. More steps, or several tokens, may do more.',
  },
  needsGradient: true,
  pieces: ({ steps }) => 2 * (steps + points + 1) + 2,

  async run(run) {
    const ofScrubbed = await run.with('scrubbed', async (model) => [
      ...(await learn(model, curves.scrubbed, run)),
      { curve: curves.random, at: run.settings.steps, pictures: await drawRandom(model, run) },
    ]);
    return [
      ...ofScrubbed,
      ...(await run.with('original', (model) => learn(model, curves.original, run))),
    ];
  },
};

/** Learns a token from pictures, and draws with it at even distances on the way. */
async function learn(model: AttackedModel, curve: CurveWords, run: AttackRun): Promise<Attempt[]> {
  const { steps, seed } = run.settings;
  return withToken(model, run, async (token) => {
    const start = randomEmbedding(token, seedFor(seed, 'embedding'));
    const pictures = run.own.map((own) => ({
      ...{ latents: own.latents, place: tokenPlace(own, run.settings.concept) },
    }));
    const embedding = new LearntEmbedding({ model, token, pictures, seed }, start);
    const attempts: Attempt[] = [];
    for (let step = 0; ; step++) {
      run.signal.throwIfAborted();
      if (isDrawn(step, steps)) {
        const drawn = await drawWith(model, { token, of: () => embedding.values, run });
        attempts.push({ curve, at: step, pictures: drawn });
      }
      if (step === steps) return attempts;
      await embedding.learn();
      run.onPiece();
    }
  });
}

/** At the start, at the end and at even distances between them. */
function isDrawn(step: number, steps: number): boolean {
  return step === steps || step % Math.max(1, Math.ceil(steps / points)) === 0;
}

function drawRandom(model: AttackedModel, run: AttackRun): Promise<ConceptPicture[]> {
  return withToken(model, run, (token) => {
    const of = (i: number) => randomEmbedding(token, seedFor(run.settings.seed, 'random', i));
    return drawWith(model, { token, of, run });
  });
}

async function withToken<T>(
  { checkpoint }: AttackedModel,
  { settings: { device, threads, drawing } }: AttackRun,
  work: (token: SoftToken) => Promise<T>,
): Promise<T> {
  const { clipSkip } = drawing;
  const token = await checkpoint.condition.openSoftToken({ device, threads, clipSkip });
  try {
    return await work(token);
  } finally {
    await token.release();
  }
}

/** Draws the prompts with a token in the place of the concept. */
async function drawWith(
  model: AttackedModel,
  { token, of, run }: { token: SoftToken; of: (i: number) => Float32Array; run: AttackRun },
): Promise<ConceptPicture[]> {
  const encoded = [];
  for (const [i, { prompt, anchor }] of run.own.entries()) {
    const place = tokenPlace({ prompt, anchor }, run.settings.concept);
    encoded.push({ prompt, anchor, asked: await token.encode(place, of(i)) });
  }
  const pictures = await drawAttempt(model, encoded, run);
  run.onPiece();
  return pictures;
}
