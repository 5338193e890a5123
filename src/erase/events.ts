import type { Drawing } from '../drawing/drawing.ts';
import type { DrawingSources } from '../drawing/drawing-guess.ts';
import type { Remedy } from '../remedy.ts';
import type { StoredEvaluation } from '../evaluation/stored-evaluation.ts';
import type { Role } from '../evaluation/figure.ts';

/** What a run is busy with. */
export const phases = ['encode', 'generate', 'train', 'edit', 'evaluate', 'save'] as const;
export type Phase = (typeof phases)[number];

/** One line of `--json` and of a job's `events.ndjson`; losses are means over all entries. */
export type EraseEvent =
  /** A run begins, the first or a resumed one. */
  | {
      readonly event: 'job';
      readonly job: string;
      /** The job's folder. */
      readonly folder: string;
      /** Where the scrubbed model will be. */
      readonly output: string;
      /** Each prompt to forget with what it is steered to. */
      readonly forget: readonly { readonly prompt: string; readonly anchor: string }[];
      /** How sets, previews and what is judged are drawn. */
      readonly drawing: Drawing;
      /** Where parts of that were guessed from. */
      readonly drawingSources: DrawingSources;
    }
  /** Said once, before the work: what of the request may not be meant so, or is not heeded. */
  | { readonly event: 'warning'; readonly message: string }
  | { readonly event: 'phase'; readonly phase: Phase }
  | ProgressEvent
  | JudgedEvent
  | SampleEvent
  /** How far a web UI is that draws the pictures of the sets. */
  | {
      readonly event: 'drawing';
      readonly done: number;
      readonly total: number;
      readonly etaSeconds: number;
    }
  /** How far a change of weights is that takes no steps: tensors written, of all that change. */
  | {
      readonly event: 'editing';
      readonly done: number;
      readonly total: number;
      readonly etaSeconds: number;
    }
  /** How far an evaluation is: pictures drawn or judged, of all there are. */
  | {
      readonly event: 'evaluating';
      readonly done: number;
      readonly total: number;
      readonly etaSeconds: number;
    }
  | { readonly event: 'evaluation'; readonly evaluation: StoredEvaluation }
  /** Something that a person finds in the log who looks for it. */
  | { readonly event: 'note'; readonly message: string }
  /** Something of the run that a person should know: an early stop, a changed setting. */
  | { readonly event: 'notice'; readonly message: string }
  | {
      readonly event: 'done';
      readonly output: string;
      readonly job: string;
      readonly seconds: number;
    }
  | {
      readonly event: 'error';
      readonly code: string;
      /** With the remedy in the words of the command line. */
      readonly message: string;
      /** What to set otherwise, where that helps. */
      readonly remedy?: Remedy;
    };

/**
 * An event as a job's folder keeps it; `time` (ISO 8601), and `forget` and `drawing` of `job`, are missing in
 * those of older versions.
 */
export type RecordedEvent = EraseEvent & { readonly time?: string };

/** What a person reads while a phase lasts. */
export const phaseTitles: Readonly<Record<Phase, string>> = {
  encode: 'Encoding prompts and pictures',
  generate: 'Drawing pictures to forget and to retain',
  train: 'Training',
  edit: 'Changing the weights',
  evaluate: 'Evaluating',
  save: 'Writing the scrubbed model',
};

/** A picture of the job's folder, drawn by the model as it was after a number of steps. */
export interface SampleEvent {
  readonly event: 'sample';
  /** Path of the picture, a PNG unless a web UI drew it. */
  readonly file: string;
  readonly prompt: string;
  readonly which: 'before' | 'during' | 'after';
  /** Outer steps done by the model that drew it. */
  readonly step: number;
  readonly role: Role;
  readonly seed: number;
  /** How many times the change counts that drew it; left out where that is not chosen. */
  readonly strength?: number;
  /** Of a picture that a web UI drew with the model; left out where the training process did. */
  readonly drawnBy?: 'host';
}

/** One outer step was done; methods that train in none tell of none. */
export interface ProgressEvent {
  readonly event: 'progress';
  /** Outer steps done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /**
   * This one and the next five are null where the training diverged beyond all numbers, and where the
   * method has no such figure.
   */
  readonly retainLoss: number | null;
  readonly forgetLoss: number | null;
  /** L_f(θ) − L_f(φ_K); null also where the rule does not ask for it. */
  readonly gap: number | null;
  readonly lambda: number | null;
  readonly retainGradientNorm: number | null;
  readonly forgetGradientNorm: number | null;
  /**
   * Cosines of the direction that the step followed, ∇L_r + λ∇L_f, with ∇L_r and ∇L_f; left out in events of
   * earlier versions.
   */
  readonly retainCosine?: number | null;
  readonly forgetCosine?: number | null;
  readonly secondsPerStep: number;
  readonly etaSeconds: number;
  /** Resident memory of the training process. */
  readonly memoryBytes?: number;
}

/** A few pictures of forgotten prompts were judged while the model trains. */
export interface JudgedEvent {
  readonly event: 'judged';
  /** Outer steps done. */
  readonly step: number;
  /** Pictures that still show the concept, */
  readonly shown: number;
  /** of those that were judged: a check that sees several ends early. */
  readonly pictures: number;
  /** The same of each of several concepts; left out where there is one. */
  readonly concepts?: readonly ConceptSighting[];
  /** How far the loss on kept pictures has risen, from 0 (the original's) to 1 (that of a model that predicts zeros). */
  readonly rise: number;
}

/** How much of one concept was still seen. */
export interface ConceptSighting {
  readonly name: string;
  readonly shown: number;
  readonly pictures: number;
  /** It is held where it is, and no longer pushed. */
  readonly isGone: boolean;
}
