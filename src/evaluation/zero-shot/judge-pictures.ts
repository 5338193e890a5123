import { elementAt } from '../../element-at.ts';
import { nearestPrompts } from '../../pipeline/nearest-prompts.ts';
import { requireEncoded } from '../../families/encoded-prompt.ts';
import { predictRows } from '../../pipeline/predict-rows.ts';
import { imagesAtOnce } from '../../pipeline/sample-latents.ts';
import type { LatentRun } from '../evaluator.ts';
import type { Measure } from '../figure.ts';
import { ZeroShotJudge } from './judge.ts';
import { type JudgedPicture, zeroShotMeasures } from './measures.ts';

/**
 * Kept prompts that each picture's own is held against, the most similar ones: each costs as much as
 * a quarter of drawing a picture in 20 steps.
 */
const rivals = 4;

/** What the original takes the pictures of both models for. */
export async function judgeZeroShot(run: LatentRun): Promise<Measure[]> {
  const total = run.pictures.length;
  const before = await scoresOf(run, run.before, 0);
  const after = await scoresOf(run, run.after, total);
  const judged = run.pictures.map(({ role }, i): JudgedPicture => ({
    role,
    scoresBefore: elementAt(before, i),
    scoresAfter: elementAt(after, i),
  }));
  return zeroShotMeasures(judged, { picturesWereGiven: (run.settings.given ?? []).length > 0 });
}

/** For each picture the scores of its own prompt, first, and of those that it is told from. */
async function scoresOf(
  { original, painter, encoded, pictures, settings, signal, onJudged }: LatentRun,
  latents: readonly Float32Array[],
  start: number,
): Promise<number[][]> {
  const { unet, parameters } = painter;
  const judge = new ZeroShotJudge({
    predict: (rows) => predictRows(unet, parameters, rows),
    process: original.process,
    seed: settings.seed,
    latentSize: elementAt(latents, 0).length,
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
  const atOnce = imagesAtOnce(painter.unet, settings.drawing.drawCfg);
  const scores: number[][] = [];
  while (scores.length < pictures.length) {
    signal.throwIfAborted();
    const [first, end] = [scores.length, scores.length + atOnce];
    const group = latents
      .slice(first, end)
      .map((picture, i) => ({ latents: picture, candidates: elementAt(candidates, first + i) }));
    scores.push(...(await judge.scores(group)));
    onJudged(start + scores.length);
  }
  return scores;
}
