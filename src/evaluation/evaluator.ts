import type { Checkpoint } from '../families/checkpoint.ts';
import type { PixelImage } from '../images/pixels.ts';
import type { Painter } from '../pipeline/draw-latents.ts';
import type { EncodedPrompts } from '../families/encoded-prompt.ts';
import type { Measure } from './figure.ts';
import type { EvaluationPicture, EvaluationSettings } from './pictures.ts';

/** A picture of both models, drawn from the same noise. */
export interface PicturePair extends EvaluationPicture {
  readonly before: PixelImage;
  readonly after: PixelImage;
}

/** What a judge of latents has: the original's UNet, which no judge of pictures needs. */
export interface LatentRun {
  readonly original: Checkpoint;
  /** The original as it is. */
  readonly painter: Painter;
  /** Prompts as the original encodes them. */
  readonly encoded: EncodedPrompts;
  readonly pictures: readonly EvaluationPicture[];
  /** float32 [C, h, w] each, in the order of `pictures`. */
  readonly before: readonly Float32Array[];
  readonly after: readonly Float32Array[];
  readonly settings: EvaluationSettings;
  readonly signal: AbortSignal;
  /** @param judged latents so far, of both models together */
  readonly onJudged: (judged: number) => void;
}

/** Looks at pictures one pair after another; told of each once, in order. */
export interface PictureJudge {
  see(pair: PicturePair): Promise<void>;
  /** What came out, once all were seen. */
  measures(): readonly Measure[];
  release(): Promise<void>;
}

/** What people read about an evaluator. */
export interface EvaluatorWords {
  /** Who or what judges, in a few words. */
  readonly title: string;
  /** What it tells, in a sentence. */
  readonly help: string;
}

interface EvaluatorFacts {
  readonly id: string;
  readonly words: EvaluatorWords;
  /** Whether these settings ask for it. */
  readonly isAsked: (settings: EvaluationSettings) => boolean;
}

/** Works on latents, with the original's UNet, which is then in memory. */
export interface LatentEvaluator extends EvaluatorFacts {
  readonly sees: 'latents';
  /** @throws the signal's reason; AppError `device.*` */
  readonly judge: (run: LatentRun) => Promise<readonly Measure[]>;
}

/** Works on decoded pictures; no UNet is in memory. */
export interface PictureEvaluator extends EvaluatorFacts {
  readonly sees: 'pictures';
  /** Whether it is shown what is drawn beside the job's own prompts, too (`picture-group.ts`). */
  readonly seesProbes?: boolean;
  /** @throws AppError `judge.*`, `device.*` */
  readonly open: (settings: EvaluationSettings) => Promise<PictureJudge>;
}

/**
 * A way to judge what an erasure did: one folder of `src/evaluation`, one line of its registry. What
 * needs the runtime is loaded when it judges: the server lists evaluators and stays without it.
 */
export type Evaluator = LatentEvaluator | PictureEvaluator;
