import { elementAt } from '../../element-at.ts';
import { nearestPrompts } from '../../pipeline/nearest-prompts.ts';
import { requireEncoded } from '../../families/encoded-prompt.ts';
import { predictRows } from '../../pipeline/predict-rows.ts';
import { imagesAtOnce } from '../../pipeline/sample-latents.ts';
import type { LatentRun } from '../evaluator.ts';
import type { Measure } from '../figure.ts';
import type { EvaluationPicture } from '../pictures.ts';
import { ZeroShotJudge } from './judge.ts';
import { type JudgedPicture, zeroShotMeasures } from './measures.ts';

/**
 * Kept prompts that each picture's own is held against, the most similar ones: each costs as much as
 * a quarter of drawing a picture in 20 steps.
 */
const rivals = 4;

/** Others that what else a prompt asks for is told from: fewer, as they are all of one kind. */
const otherAnchors = 3;

/** A picture's own prompt, first, and what it is told from; the same of what else it asks for. */
interface Candidates {
  readonly own: readonly string[];
  /** Null where nothing else tells forgotten prompts apart. */
  readonly rest: readonly string[] | null;
}

/** What the original takes the pictures of both models for. */
export async function judgeZeroShot(run: LatentRun): Promise<Measure[]> {
  const total = run.pictures.length;
  const candidates = run.pictures.map((picture) => candidatesOf(picture, run));
  const before = await scoresOf(run, { latents: run.before, candidates, start: 0 });
  const after = await scoresOf(run, { latents: run.after, candidates, start: total });
  const judged = run.pictures.map(({ group }, i): JudgedPicture => {
    const { own: scoresBefore, rest: restBefore } = elementAt(before, i);
    const { own: scoresAfter, rest: restAfter } = elementAt(after, i);
    const rest = restBefore && restAfter && { before: restBefore, after: restAfter };
    return { group, scoresBefore, scoresAfter, ...(rest && { rest }) };
  });
  return zeroShotMeasures(judged, { picturesWereGiven: (run.settings.given ?? []).length > 0 });
}

function candidatesOf(
  { role, group, prompt, anchor }: EvaluationPicture,
  { encoded, settings, pictures }: Pick<LatentRun, 'encoded' | 'settings' | 'pictures'>,
): Candidates {
  const { forget, retain } = settings;
  const contexts = new Map([...encoded].map(([text, { context }]) => [text, context]));
  const nearest = (of: string, among: readonly string[], count: number) =>
    nearestPrompts(of, contexts, { among, count });
  const forgotten = forget.map((line) => line.prompt);
  // What is drawn beside the kept prompts is told from its own kind, too.
  const beside =
    group === 'neighbour' || group === 'far'
      ? pictures.flatMap((other) => (other.group === group ? [other.prompt] : []))
      : [];
  const among = role === 'forget' ? retain : [...retain, ...forgotten, ...beside];
  const others = nearest(prompt, among, rivals);
  // What the forgotten words push away must not push towards them.
  const pushed = group === 'retain-against' ? nearest(prompt, forgotten, 1) : [];
  const told = [prompt, ...(anchor === null ? [] : [anchor]), ...others, ...pushed];
  const otherAsked = new Set(forget.map((line) => line.anchor).filter((other) => other !== anchor));
  const rest =
    group === 'forget' && anchor !== null && otherAsked.size > 0
      ? [anchor, ...nearest(anchor, [...otherAsked], otherAnchors)]
      : null;
  return { own: [...new Set(told)], rest };
}

/** For each picture the scores of its own prompt, first, and of those that it is told from. */
async function scoresOf(
  { original, painter, encoded, pictures, settings, signal, onJudged }: LatentRun,
  {
    latents,
    candidates,
    start,
  }: { latents: readonly Float32Array[]; candidates: readonly Candidates[]; start: number },
): Promise<{ own: number[]; rest: number[] | null }[]> {
  const { unet, parameters } = painter;
  const judge = new ZeroShotJudge({
    predict: (rows) => predictRows(unet, parameters, rows),
    process: original.process,
    seed: settings.seed,
    latentSize: elementAt(latents, 0).length,
  });
  const askOf = (picture: Float32Array, prompts: readonly string[]) => ({
    latents: picture,
    candidates: prompts.map((prompt) => requireEncoded(encoded, prompt)),
  });
  const atOnce = imagesAtOnce(painter.unet, settings.drawing.drawCfg);
  const scores: { own: number[]; rest: number[] | null }[] = [];
  while (scores.length < pictures.length) {
    signal.throwIfAborted();
    const first = scores.length;
    const group = latents.slice(first, first + atOnce).map((picture, i) => {
      const { own, rest } = elementAt(candidates, first + i);
      return { own: askOf(picture, own), rest: rest && askOf(picture, rest) };
    });
    const own = await judge.scores(group.map((one) => one.own));
    const rest = await judge.scores(group.flatMap((one) => one.rest ?? []));
    for (const [i, { rest: asked }] of group.entries()) {
      scores.push({ own: elementAt(own, i), rest: asked && elementAt(rest, 0) });
      if (asked) rest.shift();
    }
    onJudged(start + scores.length);
  }
  return scores;
}
