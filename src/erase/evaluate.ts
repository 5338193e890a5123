import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { Painter } from '../pipeline/draw-latents.ts';
import { imagesAtOnce } from '../pipeline/sample-latents.ts';
import { type EncodedPrompts, requireEncoded } from '../pipeline/encoded-prompt.ts';
import { encodePrompts, type EncodedPromptSet } from '../pipeline/text-encoder.ts';
import {
  comparePictures,
  drawPictures,
  listPictures,
  withPainter,
  type EvaluationPicture,
  type EvaluationSettings,
  type PicturesListener,
} from './evaluation-pictures.ts';
import { summarize, type ComparedPicture, type Evaluation } from './evaluation-summary.ts';
import type { Phase } from './events.ts';
import { nearestPrompts } from './nearest-prompts.ts';
import { ZeroShotJudge } from './zero-shot-judge.ts';

/**
 * Kept prompts that each picture's own is held against, the most similar ones: each costs as much as
 * a quarter of drawing a picture in 20 steps.
 */
const rivals = 4;

export interface EvaluationIo {
  readonly signal: AbortSignal;
  readonly onPhase?: (phase: Phase) => void;
  /** Pictures drawn or judged, of all there are. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly onPictures?: PicturesListener;
}

/**
 * How much of a concept was erased between two states of one model and how much else was kept,
 * without any outside model.
 *
 * Both models draw the same prompts from the same noise, each with its own text encoder. Then the
 * original judges all pictures as a zero-shot classifier (`ZeroShotJudge`): those of forgotten
 * prompts between the prompt, its anchor and the most similar kept prompts, those of kept prompts
 * between their own prompt and the most similar others. What the numbers mean is in `Evaluation`.
 *
 * The models are compiled one after another, each with its weights mapped from its own file: so the
 * work needs the memory of one UNet, whatever was trained, and stays on a GPU.
 *
 * @param before the original; comparable to `after` (`requireComparable`)
 * @throws the signal's reason; AppError `device.*`, `model.unsupported`
 */
export async function evaluate(
  before: Checkpoint,
  after: Checkpoint,
  settings: EvaluationSettings,
  io: EvaluationIo,
): Promise<Evaluation> {
  const pictures = listPictures(settings);
  io.onPhase?.('encode');
  const prompts = new Set([
    '',
    ...settings.forget.flatMap(({ prompt, anchor }) => [prompt, anchor]),
    ...settings.retain,
  ]);
  const encodedBefore = await encodePrompts(before, prompts, settings);
  const encodedAfter = await encodePrompts(after, prompts, settings);

  io.onPhase?.('generate');
  const total = 4 * pictures.length;
  const progressFrom = (start: number) => (done: number) => io.onProgress?.(start + done, total);
  const draw = (
    painter: Painter,
    checkpoint: Checkpoint,
    encoded: EncodedPromptSet,
    start: number,
  ) =>
    drawPictures(painter, checkpoint, {
      pictures,
      encoded,
      settings,
      io: { signal: io.signal, onDrawn: progressFrom(start) },
    });
  const latentsAfter = await withPainter(after, settings, encodedAfter, (painter) =>
    draw(painter, after, encodedAfter, 0),
  );
  const judged = await withPainter(before, settings, encodedBefore, async (painter) => {
    const latentsBefore = await draw(painter, before, encodedBefore, pictures.length);
    io.onPhase?.('evaluate');
    const judge = (latents: readonly Float32Array[], start: number) =>
      judgePictures(painter, before, {
        pictures,
        latents,
        encoded: encodedBefore.prompts,
        settings,
        io: { signal: io.signal, onJudged: progressFrom(start) },
      });
    return {
      latentsBefore,
      scoresBefore: await judge(latentsBefore, 2 * pictures.length),
      scoresAfter: await judge(latentsAfter, 3 * pictures.length),
    };
  });
  const changes = await comparePictures(before, {
    pictures,
    before: judged.latentsBefore,
    after: latentsAfter,
    settings,
    io: { signal: io.signal, onPictures: io.onPictures ?? (() => Promise.resolve()) },
  });
  const distancesOf = (i: number) => {
    const fromGiven = changes.fromGiven[i];
    return fromGiven ? { fromGiven } : {};
  };
  const compared = pictures.map((picture, i): ComparedPicture => ({
    ...picture,
    ...distancesOf(i),
    scoresBefore: judged.scoresBefore[i] ?? [],
    scoresAfter: judged.scoresAfter[i] ?? [],
    change: changes.perPicture[i] ?? Number.NaN,
  }));
  return summarize(compared, settings.forget, changes.unrelated);
}

interface Judging {
  readonly pictures: readonly EvaluationPicture[];
  readonly latents: readonly Float32Array[];
  readonly encoded: EncodedPrompts;
  readonly settings: EvaluationSettings;
  readonly io: { readonly signal: AbortSignal; readonly onJudged: (done: number) => void };
}

/** For each picture the scores of its own prompt, first, and of those that it is told from. */
async function judgePictures(
  painter: Painter,
  checkpoint: Checkpoint,
  { pictures, latents, encoded, settings, io }: Judging,
): Promise<number[][]> {
  const judge = new ZeroShotJudge(painter, checkpoint, {
    seed: settings.seed,
    latentSize: latents[0]?.length ?? 0,
  });
  const kept = settings.retain;
  const contexts = new Map([...encoded].map(([text, { context }]) => [text, context]));
  const forgotten = settings.forget.map(({ prompt }) => prompt);
  const candidates = pictures.map(({ role, number, prompt }) => {
    const among = role === 'forget' ? kept : [...kept, ...forgotten];
    const others = nearestPrompts(prompt, contexts, { among, count: rivals });
    const anchor = role === 'forget' ? settings.forget[number]?.anchor : undefined;
    const told = [prompt, ...(anchor === undefined ? [] : [anchor]), ...others];
    return [...new Set(told)].map((candidate) => requireEncoded(encoded, candidate));
  });
  const scores: number[][] = [];
  while (scores.length < pictures.length) {
    io.signal.throwIfAborted();
    const [start, end] = [scores.length, scores.length + imagesAtOnce(painter.unet)];
    const group = latents.slice(start, end).map((picture, i) => ({
      latents: picture,
      candidates: candidates[start + i] ?? [],
    }));
    scores.push(...(await judge.scores(group)));
    io.onJudged(scores.length);
  }
  return scores;
}
