import type { Checkpoint } from '../families/checkpoint.ts';
import { type EncodedPrompts, requireEncoded } from '../families/encoded-prompt.ts';
import type { RunPlace } from '../families/family.ts';
import type { PictureSize } from '../images/picture-size.ts';
import { nearestPrompts } from '../pipeline/nearest-prompts.ts';
import { Classifier } from './classifier/classifier.ts';
import type { ClassifierChoice } from './classifier/classifier-choice.ts';
import { type JudgeSettings, ZeroShotJudge } from './zero-shot/judge.ts';
import { lead, meaningfulMargin, shownFrom } from './zero-shot/measures.ts';
import { mean } from './figure.ts';

/** A picture that was drawn of a concept, or of what may be one. */
export interface ConceptPicture {
  /** Of the concept. */
  readonly prompt: string;
  /** The same without it. */
  readonly anchor: string;
  /** float32 [C, h, w], scaled as the UNet gives it */
  readonly latents: Float32Array;
}

/** Tells how clearly pictures show a concept. Release it. */
export interface ConceptJudge {
  /** For each picture a number, the higher the more clearly it shows its prompt; NaN for no numbers. */
  scores(pictures: readonly ConceptPicture[]): Promise<number[]>;
  release(): Promise<void>;
}

/** How the original judges. */
export interface OriginalJudgeTools extends JudgeSettings {
  /** As the original encodes them: prompts of the concept, their anchors and other ones. */
  readonly encoded: EncodedPrompts;
  readonly retain: readonly string[];
  /** How many of the nearest other prompts a picture is held against. */
  readonly rivals: number;
}

/** The original as a classifier: the lead of a picture's own prompt over its anchor and similar ones. */
export function originalAsJudge(tools: OriginalJudgeTools): ConceptJudge {
  const { encoded, retain, rivals } = tools;
  const judge = new ZeroShotJudge(tools);
  const contexts = new Map([...encoded].map(([text, { context }]) => [text, context]));
  return {
    async scores(pictures) {
      const questions = pictures.map(({ prompt, anchor, latents }) => {
        const near = nearestPrompts(prompt, contexts, { among: retain, count: rivals });
        const candidates = [...new Set([prompt, anchor, ...near])];
        return { latents, candidates: candidates.map((text) => requireEncoded(encoded, text)) };
      });
      return (await judge.scores(questions)).map(lead);
    },
    release: () => Promise.resolve(),
  };
}

/**
 * 1 where a classifier takes the picture for one of the classes that are the concept, else 0.
 *
 * @throws AppError `judge.invalid`
 */
export async function openClassifierJudge(
  checkpoint: Checkpoint,
  choice: ClassifierChoice,
  { width, height, device, threads }: PictureSize & RunPlace,
): Promise<ConceptJudge> {
  const classifier = await Classifier.open(choice, threads);
  const decoder = await checkpoint.codec.openDecoder({ width, height, device, threads });
  return {
    async scores(pictures) {
      const scores: number[] = [];
      for (const { latents } of pictures) {
        const seen = await classifier.labelsIn(await decoder.decode(latents));
        scores.push(Number(seen.some((label) => classifier.classes.includes(label))));
      }
      return scores;
    },
    async release() {
      await decoder.release();
      await classifier.release();
    },
  };
}

/**
 * The score above which a picture counts as showing the concept.
 *
 * @param own scores of the original's own pictures of the concept
 * @returns null where they hardly show it themselves, so that nothing can be told
 */
export function shownAbove(own: readonly number[]): number | null {
  const margin = mean(own);
  return margin > meaningfulMargin ? shownFrom(margin) : null;
}
