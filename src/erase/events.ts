import type { Evaluation, Role } from './evaluation-summary.ts';

/** What a run is busy with. */
export type Phase = 'encode' | 'generate' | 'train' | 'evaluate' | 'save';

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
    }
  | { readonly event: 'phase'; readonly phase: Phase }
  | {
      readonly event: 'progress';
      /** Outer steps done, of `steps`. */
      readonly step: number;
      readonly steps: number;
      readonly retainLoss: number;
      readonly forgetLoss: number;
      /** L_f(θ) − L_f(φ_K), where the rule asks for it. */
      readonly gap: number | null;
      readonly lambda: number;
      readonly retainGradientNorm: number;
      readonly forgetGradientNorm: number;
      readonly secondsPerStep: number;
      readonly etaSeconds: number;
      /** Resident memory of the training process. */
      readonly memoryBytes?: number;
    }
  | SampleEvent
  /** How far an evaluation is: pictures drawn or judged, of all there are. */
  | {
      readonly event: 'evaluating';
      readonly done: number;
      readonly total: number;
      readonly etaSeconds: number;
    }
  | { readonly event: 'evaluation'; readonly evaluation: Evaluation }
  /** Something a person should know: an early stop, a changed setting. */
  | { readonly event: 'notice'; readonly message: string }
  | {
      readonly event: 'done';
      readonly output: string;
      readonly job: string;
      readonly seconds: number;
    }
  | { readonly event: 'error'; readonly code: string; readonly message: string };

/** An event as a job's folder keeps it; `time` (ISO 8601) is missing in those of older versions. */
export type RecordedEvent = EraseEvent & { readonly time?: string };

/** What a person reads while a phase lasts. */
export const phaseTitles: Readonly<Record<Phase, string>> = {
  encode: 'Encoding prompts and pictures',
  generate: 'Drawing pictures to forget and to retain',
  train: 'Training',
  evaluate: 'Evaluating',
  save: 'Writing the scrubbed model',
};

/** A picture of the job's folder, drawn by the model as it was after a number of steps. */
export interface SampleEvent {
  readonly event: 'sample';
  /** Path of the PNG: see `SamplePicture`. */
  readonly file: string;
  readonly prompt: string;
  readonly which: 'before' | 'during' | 'after';
  /** Outer steps done by the model that drew it. */
  readonly step: number;
  readonly role: Role;
  readonly seed: number;
}
