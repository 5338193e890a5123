import type { Adaptation } from '../adapters/adapter.ts';
import { asDrawn, type Drawing, samplingOf } from '../drawing/drawing.ts';
import { elementAt } from '../element-at.ts';
import { byConcept } from '../erase/concepts.ts';
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
function mostFalse(pictures: number): number {
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

/** A picture that every check draws. */
interface Subject {
  readonly prompt: string;
  readonly anchor: string;
  readonly seed: number;
}

/** Whether a few pictures of each concept's prompts still show it; of the same noise at every check. */
export class ForgettingCheck {
  private readonly tools: ForgettingTools;
  /** Of each concept. */
  private readonly subjects: readonly (readonly Subject[])[];

  constructor(tools: ForgettingTools) {
    this.tools = tools;
    const { settings, concepts } = tools.job;
    const { batch, seed } = settings;
    const count = picturesOfCheck(batch, concepts.length);
    const prompts = [...tools.forget].map(([prompt, anchor]) => ({ prompt, anchor }));
    const asked = concepts.map((concept) => ({
      prompts: concept.prompts.map((prompt) => asDrawn(prompt, settings)),
    }));
    this.subjects = byConcept(prompts, asked).map((own, concept) => {
      const chosen = spread(own, count).map(({ item }) => item);
      return Array.from({ length: count }, (_, i) => ({
        ...elementAt(chosen, i % chosen.length),
        seed: seedFor(seed, 'forgetting', ...(concept > 0 ? [concept] : []), i),
      }));
    });
  }

  /**
   * The score above which a picture of each concept counts as showing its prompt, by the original's own pictures.
   *
   * @param parameters the original's
   * @returns null for what cannot be told, so that no check of it would mean anything
   */
  async thresholds(parameters: TensorSet): Promise<(number | null)[]> {
    const scores = await this.scores(parameters, () => true);
    return scores.map(shownAbove);
  }

  /**
   * @param thresholds of the original
   * @returns what was seen of each concept; null of one without a threshold
   * @throws the signal's reason
   */
  async look(
    parameters: TensorSet,
    thresholds: readonly (number | null)[],
  ): Promise<(Sighting | null)[]> {
    const shownIn = (scores: readonly number[], concept: number) => {
      const threshold = thresholds[concept] ?? null;
      return threshold === null ? 0 : scores.filter((score) => score > threshold).length;
    };
    const scores = await this.scores(parameters, (some, concept) => {
      const most = mostFalse(elementAt(this.subjects, concept).length);
      return (thresholds[concept] ?? null) !== null && shownIn(some, concept) <= most;
    });
    return scores.map((own, concept) =>
      own.length === 0
        ? null
        : {
            shown: shownIn(own, concept),
            pictures: own.length,
            isWhole: own.length === elementAt(this.subjects, concept).length,
          },
    );
  }

  /** Draws and judges pictures of each concept, as many as are drawn at once, while that goes on. */
  private async scores(
    parameters: TensorSet,
    goesOn: (scores: readonly number[], concept: number) => boolean,
  ): Promise<number[][]> {
    const { unet, job, adaptation } = this.tools;
    const original = await adaptation.initial();
    const judge = await this.openJudge(original);
    try {
      const atOnce = imagesAtOnce(unet, job.settings.drawCfg);
      const all: number[][] = [];
      for (const [concept, subjects] of this.subjects.entries()) {
        const scores: number[] = [];
        while (scores.length < subjects.length && goesOn(scores, concept)) {
          const group = subjects.slice(scores.length, scores.length + atOnce);
          scores.push(...(await judge.scores(await this.draw(parameters, group))));
        }
        all.push(scores);
      }
      return all;
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

  private async draw(parameters: TensorSet, group: readonly Subject[]): Promise<ConceptPicture[]> {
    const { checkpoint, job, unet, encoded, signal } = this.tools;
    const { process, condition } = checkpoint;
    const drawing = checkedDrawing(job.settings);
    const unconditional = condition.unconditional(encoded, drawing.negative);
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

/** Whether what was seen says that a concept is gone. */
export function isGone({ shown, pictures, isWhole }: Sighting): boolean {
  return isWhole && shown <= mostFalse(pictures);
}

/** Whether a training ends when pictures of forgotten prompts no longer show them. */
export function endsWhenGone(settings: EraseSettings): boolean {
  return 'until' in settings && settings.until === 'gone' && settings.steps >= fewestSteps;
}

/**
 * What the checks of a run, with the one before the first step, draw, in how many steps each, and judge.
 *
 * @param concepts how many; 0 or 1 for one
 */
export function judgedPictures(
  settings: EraseSettings,
  concepts = 1,
): {
  readonly pictures: number;
  readonly samplingSteps: number;
  /** Predictions for each picture. */
  readonly judgedRows: number;
} {
  const training = trainingOf(settings);
  const isJudged = training !== null && endsWhenGone(settings);
  return {
    // The first one is whole; about half of the others end early, or would come after the end.
    pictures: isJudged
      ? (1 + checksIn(training.steps) / 2) *
        Math.max(1, concepts) *
        picturesOfCheck(training.batch, concepts)
      : 0,
    samplingSteps: checkedDrawing(settings).drawSteps,
    judgedRows,
  };
}

/** How many pictures of each concept a check draws at most; several share what one has. */
function picturesOfCheck(batch: number, concepts: number): number {
  const all = Math.min(mostPictures, Math.max(fewestPictures, picturesPerRow * batch));
  return Math.max(fewestPictures, Math.ceil(all / Math.max(1, concepts)));
}

/** As everything is drawn, in fewer steps where it takes many. */
function checkedDrawing(settings: Drawing): Drawing {
  return { ...settings, drawSteps: Math.min(mostDrawingSteps, settings.drawSteps) };
}
