import { readdir } from 'node:fs/promises';
import path from 'node:path';

import type { JobSummary, JobView } from '../contract/job-views.ts';
import { trainingOf } from '../methods/registry.ts';
import { measureModel } from '../families/model-on-disk.ts';
import { withoutModelEnding } from '../checkpoint/model-ending.ts';
import { describeCompanions } from '../erase/companions.ts';
import { givenFolders } from '../erase/given-pictures.ts';
import { outputsOf } from '../erase/outputs.ts';
import { loraTag } from '../lora-tag.ts';
import type { HostState } from '../hosts/host-state.ts';
import { reportName } from './job-history.ts';
import type { JobLora } from './job-lora.ts';
import type { JobRecord } from './job-record.ts';
import type { Artifacts } from './ports.ts';

/** The name that a host has for a model's path; the file's own where it does not know it. */
export function modelNameOf(modelPath: string, { models }: HostState): string {
  const known = models.find((model) => model.path === modelPath);
  return known?.name ?? path.basename(modelPath);
}

/** Paths of the models that a job made: its result, then what was merged at other strengths. */
export function modelsOf({ job, status }: JobRecord): string[] {
  return job ? [job.output, ...status.current.merged.map((merged) => merged.path)] : [];
}

/** The jobs that made models, by the models' paths. */
export function makersOf(records: readonly JobRecord[]): Map<string, JobRecord> {
  const done = records.filter(({ state }) => state === 'done');
  return new Map(done.flatMap((record) => modelsOf(record).map((model) => [model, record])));
}

/** What of a job is told elsewhere. */
interface Surroundings {
  readonly queuePosition: number | null;
  readonly host: HostState;
  /** The model that was active before the one of the job's that is in use; null for none. */
  readonly before: string | null;
  /** Its LoRA file, and where that lies in the host's folder; null where it made none. */
  readonly lora: (JobLora & { readonly usedAt: string | null }) | null;
  readonly artifacts: Artifacts;
}

/** A job as lists show it. */
export function summarize(
  record: JobRecord,
  queuePosition: number | null,
  host: HostState,
): JobSummary {
  const { request, progress } = record;
  return {
    id: record.id,
    state: record.state,
    concept: record.concept,
    preset: request.preset,
    model: modelNameOf(record.modelPath, host),
    createdAt: request.createdAt,
    step: progress.last?.step ?? 0,
    steps: trainingOf(request.settings)?.steps ?? 0,
    queuePosition,
    error: record.error,
  };
}

/** Errors that would only come again. */
const finalErrors = ['training.collapsed', 'checkpoint.nan', 'job.damaged'];

/** All that a page shows of a job. */
export async function viewJob(
  record: JobRecord,
  { queuePosition, host, before, lora: madeLora, artifacts }: Surroundings,
): Promise<JobView> {
  const { request, progress, job } = record;
  const lora = await loraOf(record, madeLora);
  const result = await resultOf(record, host, lora);
  const merged = await mergedOf(record, host);
  return {
    ...summarize(record, queuePosition, host),
    ...viewProgress(record),
    forget: request.forget,
    retain: request.retain,
    concepts: request.concepts.map(({ name, prompts, neighbours }) => ({
      name,
      prompts,
      neighbours,
    })),
    forgetImages: await countGiven(request),
    retainImages: await countImages(request.retainImages),
    shapes: request.shapes,
    warnings: request.warnings,
    companions: job ? describeCompanions(job) : [],
    judges: request.judges.map(({ name, classes }) => ({ name, classes })),
    prediction: job ? job.prediction : null,
    settings: job ? job.settings : null,
    drawingSources: request.drawingSources,
    device: job ? job.device : null,
    // Of a job of the command line, which has no host.
    pictures: record.draft?.pictures ?? 'sidecar',
    samples: [...progress.samples],
    evaluation: progress.evaluation,
    ...{ result, lora, merged },
    attacks: record.status.current.attacks,
    hasReport: record.state === 'done' && (await artifacts.find(record.id, reportName)) !== null,
    canResume: canResume(record),
    rollbackTo: isInUse(record, { result, merged }, host) ? before : null,
  };
}

function viewProgress({ progress, state }: JobRecord) {
  const isRunning = state === 'training' || state === 'evaluating';
  const isDrawing = state === 'preparing' && progress.drawing !== null;
  const { last } = progress;
  return {
    phase: progress.phase,
    secondsPerStep: last ? last.secondsPerStep : null,
    etaSeconds: isRunning || isDrawing ? progress.etaSeconds : null,
    drawing: isDrawing ? progress.drawing : null,
    editing: isRunning ? progress.editing : null,
    judged: progress.judged,
    seconds: progress.seconds(isRunning ? Date.now() : null),
    memoryBytes: last?.memoryBytes ?? null,
  };
}

function canResume({ state, error }: JobRecord): boolean {
  if (state === 'failed') return !finalErrors.includes(error?.code ?? '');
  return state === 'interrupted' || state === 'cancelled';
}

async function loraOf({ state }: JobRecord, made: Surroundings['lora']): Promise<JobView['lora']> {
  const size = state === 'done' && made && (await measureModel(made.file));
  if (!made || !size) return null;
  const { file, usedAt, isInJob } = made;
  const name = withoutModelEnding(path.basename(usedAt ?? file));
  return { path: file, bytes: size.bytes, name, tag: loraTag(name, 1), usedAt, isInJob };
}

async function resultOf(
  record: JobRecord,
  host: HostState,
  lora: JobView['lora'],
): Promise<JobView['result']> {
  if (record.state !== 'done' || !record.job) return null;
  const { output } = record.job;
  const model = modelNameOf(output, host);
  if (outputsOf(record.job).checkpoint === null) {
    if (!lora) return null;
    const { path: file, bytes } = lora;
    return { kind: 'lora', model, path: file, bytes, isActive: lora.usedAt !== null };
  }
  const size = await measureModel(output);
  if (!size) return null;
  const { bytes } = size;
  return { kind: 'checkpoint', model, path: output, bytes, isActive: model === host.active };
}

async function mergedOf(
  { status }: JobRecord,
  host: HostState,
): Promise<JobView['merged'][number][]> {
  const there = [];
  for (const merged of status.current.merged) {
    const size = await measureModel(merged.path);
    const model = modelNameOf(merged.path, host);
    if (size) there.push({ ...merged, model, bytes: size.bytes, isActive: model === host.active });
  }
  return there;
}

/** Whether a job's model is the active one, or was until somebody deleted its file. */
function isInUse(
  { state }: JobRecord,
  { result, merged }: Pick<JobView, 'result' | 'merged'>,
  { models, active }: HostState,
): boolean {
  if (merged.some(({ isActive }) => isActive)) return true;
  if (result) return result.isActive;
  return state === 'done' && !models.some(({ name }) => name === active);
}

/** Of all concepts. */
async function countGiven(request: JobRecord['request']): Promise<number> {
  const counts = await Promise.all(givenFolders(request).map(countImages));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function countImages(folder: string | null): Promise<number> {
  if (folder === null) return 0;
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => !name.startsWith('.') && !name.endsWith('.txt')).length;
}
