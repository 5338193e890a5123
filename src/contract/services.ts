import type { RequestListener } from 'node:http';
import type { AttackRequest } from './attack-view.ts';
import type { Estimate, Suggestions } from './estimate.ts';
import type { Knowledge, knowledgeRequestSchema } from './knowledge.ts';
import type { JobHistory, JobSummary, JobView, SampleView } from './job-views.ts';
import type { jobRequestSchema, SuggestionRequest } from './requests.ts';
import type {
  DeviceView,
  EmbeddingView,
  Health,
  JudgeView,
  LoraView,
  ModelView,
  PresetFaultView,
  PresetView,
  VaeView,
} from './views.ts';
import type { SweepSummary, SweepView, sweepRequestSchema } from './sweep-view.ts';
import type { WorkerView } from './worker-view.ts';
import type { z } from 'zod';
import type { PresetDraft } from '../presets/preset.ts';

/** A file that came with a request, as it lies on the disk. */
export interface UploadedFile {
  readonly path: string;
  /** What the client calls it; for messages and captions only. */
  readonly name: string;
}

/** The files of a request. */
export interface Uploads {
  readonly forgetImages: readonly UploadedFile[];
  readonly retainImages: readonly UploadedFile[];
  /** Of single concepts, by their places in the list. */
  readonly conceptImages: ReadonlyMap<number, readonly UploadedFile[]>;
}

/** Kinds of files that models are run with. */
export type CompanionKind = 'loras' | 'embeddings' | 'vaes';

/** What can be done with files that the person gives to this server; they stay in its data folder. */
export interface OwnFileServices {
  /** Keeps a file, which has to be of its kind. @returns what requests call it */
  add(kind: CompanionKind, file: UploadedFile): Promise<{ name: string }>;
  /** Keeps a classifier of pictures with its labels. @returns what requests call it */
  addJudge(model: UploadedFile, labels: UploadedFile): Promise<{ name: string }>;
}

/** A job's history while somebody watches: the arrays only ever grow, at their end. */
export interface JobWatch extends JobHistory {
  readonly samples: readonly SampleView[];
  /** Ends the watch. */
  readonly release: () => void;
}

/** Told of everything that happens to jobs. */
export interface JobListener {
  /** Its state, phase or result is another, or it is gone. */
  readonly changed: (id: string) => void;
  /** Its place in the queue is another. */
  readonly moved: (id: string) => void;
  /** There is more of its history. */
  readonly grew: (id: string) => void;
}

/** What can be done with jobs; ids are whatever the client sent. */
export interface JobServices {
  list(): Promise<JobSummary[]>;
  view(id: string): Promise<JobView>;
  /** The uploaded files become the job's; whatever is left of them is the caller's to remove. */
  create(request: z.output<typeof jobRequestSchema>, uploads: Uploads): Promise<JobView>;
  cancel(id: string): Promise<JobView>;
  resume(id: string): Promise<JobView>;
  /** @param strength how many times the change counts, which is merged first where need be */
  apply(id: string, strength?: number): Promise<JobView>;
  rollback(id: string): Promise<JobView>;
  /** Puts the job's LoRA file where the host looks for LoRAs. */
  applyLora(id: string): Promise<JobView>;
  /** Takes it out again. */
  rollbackLora(id: string): Promise<JobView>;
  /** Has the result attacked, as soon as it is its turn. */
  attack(id: string, request: AttackRequest): Promise<JobView>;
  /** Ends the attacks that are under way or wait. */
  cancelAttacks(id: string): Promise<JobView>;
  delete(id: string, options: { withModel: boolean }): Promise<void>;
  /** Shows the scrubbed model's folder on the desktop of the sidecar's machine. */
  openFolder(id: string): Promise<void>;
  history(id: string): Promise<JobHistory>;
  /** Path of a picture that the job drew. */
  samplePath(id: string, file: string): Promise<string>;
  /** Path of the job's report. */
  reportPath(id: string): Promise<string>;
  watch(id: string): Promise<JobWatch>;
  /** @returns ends the listening */
  listen(listener: JobListener): () => void;
}

/** What can be done with presets; names are whatever the client sent. */
export interface PresetServices {
  list(): Promise<readonly PresetView[]>;
  /** Files that are no presets. */
  listFaults(): Promise<readonly PresetFaultView[]>;
  /** The text of its file. */
  export(name: string): Promise<string>;
  /** Under a free name made of its title. */
  add(draft: PresetDraft): Promise<PresetView>;
  addFromJob(id: string, title: string): Promise<PresetView>;
  replace(name: string, draft: PresetDraft): Promise<PresetView>;
  /** From the text of a file, under the name that stands in it. */
  import(bytes: Uint8Array): Promise<PresetView>;
  delete(name: string): Promise<void>;
}

/** Questions whether models know something. */
export interface KnowledgeServices {
  /** Begins with it. */
  ask(request: z.output<typeof knowledgeRequestSchema>): Promise<Knowledge>;
  view(id: string): Knowledge;
  cancel(id: string): Knowledge;
}

/** What can be done with sweeps; names are whatever the client sent. */
export interface SweepServices {
  list(): Promise<SweepSummary[]>;
  view(name: string): Promise<SweepView>;
  /** Makes it and starts it. */
  create(request: z.output<typeof sweepRequestSchema>): Promise<SweepView>;
  /** Puts another text in the place of its own and starts it: what is done stays done. */
  replace(name: string, yaml: string): Promise<SweepView>;
  /** Has all be done that is not. */
  start(name: string): Promise<SweepView>;
  /** Cancels all of its jobs. */
  cancel(name: string): Promise<SweepView>;
  /** Its jobs stay. */
  delete(name: string): Promise<void>;
  /** Its table as a page. */
  page(name: string): Promise<string>;
  /** Its table as CSV. */
  csv(name: string): Promise<string>;
}

/** Figures in the text format of Prometheus. */
export interface Metrics {
  /** The type of the text. */
  readonly type: string;
  readonly text: string;
}

/** Where the board of queues is. */
export const BOARD_PLACE = '/queues';

/** All that routes and sockets may call. */
export interface Services {
  health(): Promise<Health>;
  devices(): Promise<readonly DeviceView[]>;
  /** Who works on the jobs, where that is not this server. */
  workers(): Promise<readonly WorkerView[]>;
  /** What answers below `BOARD_PLACE`; null where there is no queue of many machines. */
  board(): Promise<RequestListener | null>;
  /** Figures for Prometheus. */
  metrics(): Promise<Metrics>;
  models(): Promise<readonly ModelView[]>;
  /** VAEs, LoRAs and embeddings that models can be run with. */
  vaes(): Promise<readonly VaeView[]>;
  loras(): Promise<readonly LoraView[]>;
  embeddings(): Promise<readonly EmbeddingView[]>;
  /** Classifiers that can judge a job. */
  judges(): Promise<readonly JudgeView[]>;
  readonly ownFiles: OwnFileServices;
  readonly presets: PresetServices;
  /** What could be kept and steered to; aborted where nobody waits for it any more. */
  suggest(request: SuggestionRequest, signal: AbortSignal): Promise<Suggestions>;
  /** What a job would need; aborted likewise. */
  estimate(request: z.output<typeof jobRequestSchema>, signal: AbortSignal): Promise<Estimate>;
  readonly knowledge: KnowledgeServices;
  readonly jobs: JobServices;
  readonly sweeps: SweepServices;
}
