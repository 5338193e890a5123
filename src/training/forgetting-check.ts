import type { Adaptation } from '../adapters/adapter.ts';
import { type Drawing, samplingOf } from '../drawing/drawing.ts';
import { elementAt } from '../element-at.ts';
import type { TrainingJob } from '../erase/job.ts';
import { spread } from '../erase/spread.ts';
import {
  type ConceptJudge,
  type ConceptPicture,
  openClassifierJudge,
  originalAsJudge,
  shownAbove,
} from '../evaluation/concept-judge.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import { type EncodedPrompts, requireEncoded } from '../families/encoded-prompt.ts';
import { predictRows } from '../pipeline/predict-rows.ts';
import { drawLatents } from '../pipeline/draw-latents.ts';
import { imagesAtOnce } from '../pipeline/sample-latents.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import type { UnetSession } from '../pipeline/unet-session.ts';
import { elementCount } from '../tensor/shape.ts';
import { seedFor } from '../tensor/random.ts';
import { type EraseSettings, trainingOf } from '../methods/registry.ts';
import { checksIn } from './check-schedule.ts';
/** Pictures that a check draws: so many of a batch, within these bounds. */
const picturesPerRow = 2;
const [fewestPictures, mostPictures] = [4, 16];
/**
 * How many of a check's pictures may show the concept, and it counts as gone: of sixteen a judge takes one
 * for it that does not show it.
 */
export function mostFalse(pictures: number): number {
  return Math.floor(pictures / 16);
}
/** A run of fewer steps is over before judging could save any. */
const fewestSteps = 20;
/** Steps that a picture is drawn in, at most: it is judged, not kept. */
const mostDrawingSteps = 8;
/** Kept prompts and noises that a picture is judged by: half of what an evaluation takes. */
const rivals = 2;
const draws = 5;
/** Predictions that judging a picture takes: of its prompt, its anchor and the rivals. */
const judgedRows = (2 + rivals) * draws;

/** What a check has at hand while a model trains. */
interface ForgettingTools {
  readonly checkpoint: Checkpoint;
  readonly job: TrainingJob;
  readonly unet: UnetSession;
  readonly adaptation: Adaptation;
  readonly encoded: EncodedPrompts;
  /** Each forgotten prompt with its anchor, as the model is asked with them. */
  readonly forget: ReadonlyMap<string, string>;
  readonly retain: readonly string[];
  readonly signal: AbortSignal;
}

/** What a check saw. */
export interface Sighting {
  /** Pictures that still show the concept, of those that were judged: a check that sees several ends early. */
  readonly shown: number;
  readonly pictures: number;
  /** Whether all pictures of a check were judged. */
  readonly isWhole: boolean;
}

/** Whether a few pictures of forgotten prompts still show them; of the same noise at every check. */
export class ForgettingCheck {
  private readonly tools: ForgettingTools;
  private readonly subjects: readonly { prompt: string; anchor: string; seed: number }[];

  constructor(tools: ForgettingTools) {
    this.tools = tools;
    const { batch, seed } = tools.job.settings;
    const count = picturesOfCheck(batch);
    const chosen = spread([...tools.forget], count).map(({ item }) => item);
    this.subjects = Array.from({ length: count }, (_, i) => {
      const [prompt, anchor] = elementAt(chosen, i % chosen.length);
      return { prompt, anchor, seed: seedFor(seed, 'forgetting', i) };
    });
  }

  /**
   * The score above which a picture counts as showing its prompt, by the original's own pictures.
   *
   * @param parameters the original's
   * @returns null where it cannot be told, so that no check would mean anything
   */
  async threshold(parameters: TensorSet): Promise<number | null> {
    return shownAbove(await this.scores(parameters, () => true));
  }

  /**
   * @param threshold of the original
   * @throws the signal's reason
   */
  async look(parameters: TensorSet, threshold: number): Promise<Sighting> {
    const isShown = (score: number) => score > threshold;
    const scores = await this.scores(
      parameters,
      (some) => some.filter(isShown).length <= mostFalse(this.subjects.length),
    );
    return {
      shown: scores.filter(isShown).length,
      pictures: scores.length,
      isWhole: scores.length === this.subjects.length,
    };
  }

  /** Draws and judges as many as are drawn at once, one group after the other while it goes on. */
  private async scores(
    parameters: TensorSet,
    goesOn: (scores: readonly number[]) => boolean,
  ): Promise<number[]> {
    const { unet, job, adaptation } = this.tools;
    const original = await adaptation.initial();
    const judge = await this.openJudge(original);
    try {
      const atOnce = imagesAtOnce(unet, job.settings.drawCfg);
      const scores: number[] = [];
      while (scores.length < this.subjects.length && goesOn(scores)) {
        scores.push(...(await judge.scores(await this.draw(parameters, scores.length, atOnce))));
      }
      return scores;
    } finally {
      await judge.release();
      original.dispose();
    }
  }

  /** The first of the job's classifiers that looks for the concept; the original itself where there is none. */
  private async openJudge(original: TensorSet): Promise<ConceptJudge> {
    const { checkpoint, job, unet, encoded, retain } = this.tools;
    const { width, height, seed } = job.settings;
    const choice = job.judges.find(({ classes }) => classes.length > 0);
    if (choice) return openClassifierJudge(checkpoint, choice, { ...job, width, height });
    return originalAsJudge({
      predict: (rows) => predictRows(unet, original, rows),
      ...{ process: checkpoint.process, seed, draws, rivals, encoded, retain },
      latentSize: elementCount(unet.latentShape.slice(1)),
    });
  }

  private async draw(
    parameters: TensorSet,
    start: number,
    count: number,
  ): Promise<ConceptPicture[]> {
    const { checkpoint, job, unet, encoded, signal } = this.tools;
    const { process, condition } = checkpoint;
    const drawing = checkedDrawing(job.settings);
    const unconditional = condition.unconditional(encoded, drawing.negative);
    const group = this.subjects.slice(start, start + count);
    const latents = await drawLatents(
      { unet, parameters },
      group.map(({ prompt, seed }) => ({
        prompt: requireEncoded(encoded, prompt),
        ...{ unconditional, seed },
      })),
      { ...samplingOf(drawing), process },
      { signal },
    );
    return group.map(({ prompt, anchor }, i) => ({
      ...{ prompt, anchor, latents: elementAt(latents, i) },
    }));
  }
}

/** Whether a training ends when pictures of forgotten prompts no longer show them. */
export function endsWhenGone(settings: EraseSettings): boolean {
  return 'until' in settings && settings.until === 'gone' && settings.steps >= fewestSteps;
}

/** What the checks of a run, with the one before the first step, draw, in how many steps each, and judge. */
export function judgedPictures(settings: EraseSettings): {
  readonly pictures: number;
  readonly samplingSteps: number;
  /** Predictions for each picture. */
  readonly judgedRows: number;
} {
  const training = trainingOf(settings);
  const isJudged = training !== null && endsWhenGone(settings);
  return {
    // The first one is whole; about half of the others end early, or would come after the end.
    pictures: isJudged ? (1 + checksIn(training.steps) / 2) * picturesOfCheck(training.batch) : 0,
    samplingSteps: checkedDrawing(settings).drawSteps,
    judgedRows,
  };
}

/** How many pictures a check draws at most. */
function picturesOfCheck(batch: number): number {
  return Math.min(mostPictures, Math.max(fewestPictures, picturesPerRow * batch));
}

/** As everything is drawn, in fewer steps where it takes many. */
function checkedDrawing(settings: Drawing): Drawing {
  return { ...settings, drawSteps: Math.min(mostDrawingSteps, settings.drawSteps) };
}
