import type { Adaptation } from '../adapters/adapter.ts';
import type { Drawing } from '../drawing/drawing.ts';
import type { ClassifierChoice } from '../evaluation/classifier/classifier-choice.ts';
import type { ConceptJudge, ConceptPicture } from '../evaluation/concept-judge.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import type { EncodedPromptSet } from '../families/encoded-prompt.ts';
import type { Painter } from '../pipeline/draw-latents.ts';
import type { Device } from '../runtime/device.ts';

/** A prompt of the concept, with the one that says the same without it. */
export interface AttackedPrompt {
  readonly prompt: string;
  readonly anchor: string;
}

/** A picture that was to be forgotten itself. */
export interface GivenPicture {
  readonly file: string;
  /** What it shows, where that is said. */
  readonly caption: string | null;
}

/** What is attacked, and how hard. */
export interface AttackSettings {
  readonly prompts: readonly AttackedPrompt[];
  /** Other wordings of the concept. */
  readonly paraphrases: readonly AttackedPrompt[];
  /** The very pictures that were to be forgotten; empty where none were given. */
  readonly given: readonly GivenPicture[];
  /** Its own words within the prompts; null where nobody said which they are. */
  readonly concept: string | null;
  /** Prompts of other things, which pictures are told from. */
  readonly retain: readonly string[];
  /** Steps of the attack. */
  readonly steps: number;
  /** Pictures of each point of a curve. */
  readonly count: number;
  readonly seed: number;
  readonly drawing: Drawing;
  /** Judges whether the concept is back; null: the original does. */
  readonly classifier: ClassifierChoice | null;
  readonly device: Device;
  readonly threads: number;
}

/** What a curve is of: whose pictures, and what brought them. */
export interface CurveWords {
  readonly id: string;
  readonly title: string;
}

/** Pictures of one point of a curve. */
export interface Attempt {
  readonly curve: CurveWords;
  /** Where on the attack's axis. */
  readonly at: number;
  /** What the point is called where its place on the axis says too little. */
  readonly label?: string;
  /** What the attack came upon, where a person can use it: a prompt. */
  readonly found?: string;
  readonly pictures: readonly ConceptPicture[];
}

/** What of a model an attack follows gradients to. */
export interface Opening {
  /** Whether to what prompts say. */
  readonly givesContextGradient?: boolean;
  /** What it trains. Default: nothing. */
  readonly adaptation?: (checkpoint: Checkpoint) => Adaptation;
}

/** A model as an attack works on it. */
export interface AttackedModel extends Painter {
  readonly checkpoint: Checkpoint;
  /** What its parameters are of it. */
  readonly adaptation: Adaptation;
  /** All prompts of the settings, and the empty one. */
  readonly encoded: EncodedPromptSet;
}

/** An attack's access to the models: one is in memory at a time. */
export interface AttackRun {
  readonly settings: AttackSettings;
  /** What the original draws of the prompts: as many pictures as a point has. */
  readonly own: readonly ConceptPicture[];
  /** Has a model opened for some work; `which` is the one that is to be tested, or the one before it. */
  with<T>(
    which: 'original' | 'scrubbed',
    work: (model: AttackedModel) => Promise<T>,
    opening?: Opening,
  ): Promise<T>;
  readonly signal: AbortSignal;
  /** Told of a piece of work that is done, of `pieces`. */
  readonly onPiece: () => void;
}

/** A way to bring a concept back: one folder of `src/attacks`, one line of its registry. */
export interface Attack {
  readonly id: string;
  readonly words: {
    readonly title: string;
    /** What it does, in a sentence. */
    readonly help: string;
    /** What its curves run over. */
    readonly axis: string;
    /** What its figures do not tell. */
    readonly limits: string;
  };
  /** What it cannot go without: a list of the settings that may not be empty. */
  readonly needs?: 'paraphrases' | 'retain' | 'given';
  /** Pieces of work that it will tell of. */
  pieces(settings: AttackSettings): number;
  /** @throws the signal's reason; AppError `device.*`, `model.unsupported` */
  run(run: AttackRun): Promise<readonly Attempt[]>;
  /**
   * Who says which pictures count, with 1 and 0, where it is not about whether they show the concept.
   *
   * @param model the original
   */
  openJudge?(
    model: AttackedModel,
    run: Pick<AttackRun, 'settings' | 'signal'>,
  ): Promise<ConceptJudge>;
}
