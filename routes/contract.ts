import { z } from 'zod';

import type { PredictionReading } from '../src/families/stable-diffusion/prediction/reading.ts';
import type { Evaluation } from '../src/evaluation/evaluation.ts';
import type { Phase, ProgressEvent } from '../src/erase/events.ts';
import { type PicturesBy, picturesWishes, type PicturesWish } from '../src/jobs/pictures-wish.ts';
import { type EraseSettings, wantedFields } from '../src/methods/registry.ts';
import { type Preset, presetDraftSchema } from '../src/presets/preset.ts';

// What the page and the sidecar say to each other: bodies as schemas that validate them, answers and
// socket messages as types. The page takes types only from here.

const prompt = z.string().max(10_000);
const prompts = z.array(prompt).max(1000);
/** By file names, which the page may have put a number to. */
const captions = z.record(z.string().max(300), prompt);
const devices = ['auto', 'cpu', 'webgpu', 'cuda', 'dml'] as const;

/**
 * The field `job` of `POST /api/jobs`, whose files are `forgetImages` and `retainImages`; body of
 * `POST /api/estimate`.
 */
export const jobRequestSchema = z.strictObject({
  /** As `GET /api/models` names it; never a path. */
  model: z.string().min(1).max(1024),
  preset: z.string().max(64).optional(),
  /** Values of the preset's variables. */
  variables: z.record(z.string().max(64), prompt).default({}),
  forget: prompts.default([]),
  retain: prompts.default([]),
  anchor: prompt.optional(),
  /** What is erased, in few words: names the job and the result. */
  concept: z.string().max(200).optional(),
  captions: z
    .strictObject({ forget: captions.default({}), retain: captions.default({}) })
    .default({ forget: {}, retain: {} }),
  settings: z.object(wantedFields).default({}),
  /**
   * Classifiers that judge the result, as `GET /api/judges` names them, each with its classes that count
   * as the concept; none: those of the preset.
   */
  judges: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(200),
        classes: z.array(z.string().min(1).max(300)).min(1).max(100),
      }),
    )
    .max(4)
    .default([]),
  device: z.enum(devices).default('auto'),
  /**
   * Who draws the pictures of a set that has none: the host, with its own samplers, VAE and LoRAs, or
   * the sidecar; `auto` is the faster one.
   */
  pictures: z.enum(picturesWishes).default('auto'),
});
export type JobRequest = z.input<typeof jobRequestSchema>;

export type { Phase } from '../src/erase/events.ts';
export type { Estimate } from '../src/jobs/estimate.ts';

/** Body of `POST /api/suggestions`. */
export const suggestionRequestSchema = z.strictObject({
  model: z.string().min(1).max(1024),
  forget: prompts.min(1),
  concept: z.string().max(200).optional(),
});
export type SuggestionRequest = z.input<typeof suggestionRequestSchema>;
export type { Suggestions } from '../src/erase/suggestions.ts';

/** Body of `POST` and `PUT` of presets; a name in it is not heeded. */
export const presetRequestSchema = presetDraftSchema.extend({ name: z.string().optional() });

export type Device = Exclude<(typeof devices)[number], 'auto'>;

export interface Health {
  readonly status: 'ok';
  readonly name: string;
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly host: {
    readonly kind: string;
    readonly reachable: boolean;
    /** Whether pictures can be left to it. */
    readonly canDraw: boolean;
  };
}

export interface DeviceView {
  readonly device: Device;
  readonly works: boolean;
  /** Why it does not work, or what is known of it. */
  readonly detail: string;
  /** Whether `auto` means this one. */
  readonly isDefault: boolean;
}

export interface ModelView {
  /** Unique among the models; what `JobRequest.model` takes. */
  readonly name: string;
  readonly bytes: number;
  readonly isActive: boolean;
  /** For a scrubbed model: what was taken out of it. */
  readonly scrubbed: { readonly concept: string; readonly jobId: string | null } | null;
  /** The family (`SD 1.x`), or null where it cannot be told. */
  readonly architecture: string | null;
  /** Why nothing can be erased from it; null where it can. */
  readonly refusal: string | null;
  /** Width and height that it draws at, in pixels. */
  readonly nativeSize: number | null;
  /** Channels of the UNet's first level, which the default settings depend on. */
  readonly modelChannels: number | null;
  /** What it predicts and what that is known from; null where it cannot be told. */
  readonly prediction: PredictionReading | null;
  /** Why it can be used only with the setting `prediction`; null where it can be without. */
  readonly predictionProblem: string | null;
}

/** A classifier of pictures that can judge a job. */
export interface JudgeView {
  /** What `JobRequest.judges` takes. */
  readonly name: string;
  /** What it tells apart. */
  readonly classes: readonly string[];
  /** Why it cannot judge; null where nothing is known against it. */
  readonly problem: string | null;
}

export interface PresetView extends Preset {
  /** The person's own: may be changed and deleted. */
  readonly isOwn: boolean;
  /** Whether it asks for the person's own pictures. */
  readonly needsImages: boolean;
}

export type JobState =
  | 'queued'
  | 'preparing'
  | 'training'
  | 'evaluating'
  | 'done'
  | 'failed'
  | 'cancelled'
  | 'interrupted';

export interface SampleView {
  /** Of `GET /api/jobs/:id/samples/:file`. */
  readonly file: string;
  readonly prompt: string;
  readonly role: 'forget' | 'retain';
  readonly which: 'before' | 'during' | 'after';
  /** Outer steps done when it was drawn. */
  readonly step: number;
  readonly seed: number;
  /** The web UI, or the training process, whose pictures are PNGs. */
  readonly drawnBy: PicturesBy;
}

export interface JobSummary {
  readonly id: string;
  readonly state: JobState;
  readonly concept: string;
  readonly preset: string | null;
  readonly model: string;
  readonly createdAt: string;
  readonly step: number;
  /** 0 where the method takes none. */
  readonly steps: number;
  /** Jobs before it in the queue; null where it does not wait. */
  readonly queuePosition: number | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface JobView extends JobSummary {
  readonly forget: readonly { readonly prompt: string; readonly anchor: string }[];
  readonly retain: readonly string[];
  readonly forgetImages: number;
  readonly retainImages: number;
  /** What of the request may not be meant so, or is not heeded. */
  readonly warnings: readonly string[];
  /** What its model is trained as; null until the job is prepared. */
  readonly prediction: PredictionReading | null;
  /** Classifiers that judge it, besides the model itself. */
  readonly judges: readonly { readonly name: string; readonly classes: readonly string[] }[];
  /** Null until the job is prepared. */
  readonly settings: EraseSettings | null;
  readonly device: Device | null;
  /** Who is to draw the pictures of its sets. */
  readonly pictures: PicturesWish;
  /** How far the host is that draws them; null where it does not. */
  readonly drawing: { readonly done: number; readonly total: number } | null;
  /** Of a method without steps: how many of the tensors that it changes are written. */
  readonly editing: { readonly done: number; readonly total: number } | null;
  readonly phase: Phase | null;
  readonly secondsPerStep: number | null;
  readonly etaSeconds: number | null;
  /** Seconds from the start to the end, or until now. */
  readonly seconds: number | null;
  /** Resident memory of the training process, the last reading. */
  readonly memoryBytes: number | null;
  readonly samples: readonly SampleView[];
  readonly evaluation: Evaluation | null;
  readonly result: {
    /** As `GET /api/models` names it, where it lies in a models folder. */
    readonly model: string;
    readonly path: string;
    readonly bytes: number;
    readonly isActive: boolean;
  } | null;
  readonly hasReport: boolean;
  readonly canResume: boolean;
  /** The model that `rollback` goes back to; null where the result is not in use. */
  readonly rollbackTo: string | null;
}

/** What was measured in one outer step. */
export type ProgressPoint = Omit<ProgressEvent, 'event'>;

export interface LogLine {
  readonly time: string;
  readonly level: 'info' | 'warning' | 'error';
  readonly message: string;
}

/** Of `GET /api/jobs/:id/metrics`, and what `job:watch` is answered with. */
export interface JobHistory {
  /** One point for each outer step, in order; a step that was done again after a resume once. */
  readonly progress: readonly ProgressPoint[];
  readonly log: readonly LogLine[];
}

export interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly message: string;
    /** Id of the request, to find it in the log. */
    readonly requestId: string;
  };
}

export interface ClientToServerEvents {
  /**
   * Answered with everything so far; what comes after arrives as events. `afterStep`: the last step
   * that the client has, so that a reconnected one is sent only what it missed.
   */
  'job:watch': (
    request: { id: string; afterStep?: number },
    answer: (reply: { job: JobView; history: JobHistory } | ErrorBody) => void,
  ) => void;
  'job:unwatch': (request: { id: string }) => void;
}

export interface ServerToClientEvents {
  /** To all: the job changed its state, phase, result or active model. */
  'job:state': (job: JobView) => void;
  /** To those who watch the job, as the next three; every point once and in order. */
  'job:progress': (point: ProgressPoint & { readonly id: string }) => void;
  'job:sample': (sample: SampleView & { readonly id: string }) => void;
  'job:log': (line: LogLine & { readonly id: string }) => void;
  /** To all, at the connection and at every change. */
  'jobs:list': (jobs: readonly JobSummary[]) => void;
}
