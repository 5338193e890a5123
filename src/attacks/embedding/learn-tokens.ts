import type { ConceptPicture } from '../../evaluation/concept-judge.ts';
import type { SoftToken } from '../../families/family.ts';
import { seedFor } from '../../tensor/random.ts';
import type { AttackedModel, AttackRun, Attempt, CurveWords } from '../attack.ts';
import { drawAttempt } from '../draw-attempt.ts';
import { LearntEmbedding, randomEmbedding } from './learn-embedding.ts';
import { tokenPlace } from './token-place.ts';

const curves = {
  scrubbed: { id: 'scrubbed', title: 'The scrubbed model, a learnt token' },
  original: { id: 'original', title: 'The original, a learnt token' },
  random: { id: 'random', title: 'The scrubbed model, a token by chance' },
} as const satisfies Readonly<Record<string, CurveWords>>;

/**
 * Learns a token for each of the models, and draws with it on the way; with tokens by chance too.
 *
 * @param points of a curve, behind the one before the first step
 * @throws as `Attack.run`
 */
export async function learnTokens(run: AttackRun, points: number): Promise<Attempt[]> {
  const learnWith = (which: 'scrubbed' | 'original') => (model: AttackedModel) =>
    learn(model, { curve: curves[which], points }, run);
  const ofScrubbed = await run.with('scrubbed', async (model) => [
    ...(await learnWith('scrubbed')(model)),
    { curve: curves.random, at: run.settings.steps, pictures: await drawRandom(model, run) },
  ]);
  return [...ofScrubbed, ...(await run.with('original', learnWith('original')))];
}

/** Learns a token from pictures, and draws with it at even distances on the way. */
async function learn(
  model: AttackedModel,
  { curve, points }: { curve: CurveWords; points: number },
  run: AttackRun,
): Promise<Attempt[]> {
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
      if (isDrawn(step, { steps, points })) {
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
function isDrawn(step: number, { steps, points }: { steps: number; points: number }): boolean {
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
