import { io, type Socket } from 'socket.io-client';

import type { Manifest } from '../src/contract/manifest.ts';
import type { Estimate, Suggestions } from '../src/contract/estimate.ts';
import type { Knowledge, KnowledgeRequest } from '../src/contract/knowledge.ts';
import type { JobView } from '../src/contract/job-views.ts';
import type { JobRequest, SuggestionRequest } from '../src/contract/requests.ts';
import type { CompanionKind } from '../src/contract/services.ts';
import type { ClientToServerEvents, ServerToClientEvents } from '../src/contract/socket-events.ts';
import type {
  DeviceView,
  EmbeddingView,
  GivenFile,
  Health,
  JudgeView,
  LoraView,
  ModelView,
  PresetFaultView,
  PresetView,
  VaeView,
} from '../src/contract/views.ts';
import type { SweepSummary, SweepView } from '../src/contract/sweep-view.ts';
import type { WorkerView } from '../src/contract/worker-view.ts';
import { ApiError, readRefusal } from './api-error.ts';
import { t } from './languages/words.ts';

/** A picture to send, under the name that its caption goes by. */
export interface NamedFile {
  readonly name: string;
  readonly file: File;
}

// Relative to the page, which a host may serve from below a path of its own.
const resolve = (path: string) => new URL(path, document.baseURI);

/** Where a preset's text is, to be kept. */
export const presetUrl = (name: string) => resolve(`api/presets/${encodeURIComponent(name)}`).href;

/** Where a file of a job is, for `src` and `href`. */
export const jobUrl = (id: string, path: string) =>
  resolve(`api/jobs/${encodeURIComponent(id)}/${path}`).href;

/** Where a table of a sweep is. */
export const sweepUrl = (name: string, table: 'summary.html' | 'summary.csv') =>
  resolve(`api/sweeps/${encodeURIComponent(name)}/${table}`).href;

/** The sidecar's events; the token comes with the cookie that the start link set. */
export const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(resolve('.').origin, {
  path: resolve('socket.io').pathname,
  autoConnect: false,
  transports: ['websocket', 'polling'],
  // Of what lies between, not all forwards websockets.
  tryAllTransports: true,
});

export const api = {
  manifest: () => request<Manifest>('GET', 'manifest'),
  models: () => request<ModelView[]>('GET', 'models'),
  vaes: () => request<VaeView[]>('GET', 'vaes'),
  loras: () => request<LoraView[]>('GET', 'loras'),
  embeddings: () => request<EmbeddingView[]>('GET', 'embeddings'),
  judges: () => request<JudgeView[]>('GET', 'judges'),
  /** @param files of the form, by their fields */
  giveFiles: (kind: CompanionKind | 'judges', files: Readonly<Record<string, File>>) => {
    const form = new FormData();
    for (const [field, file] of Object.entries(files)) form.append(field, file, file.name);
    return request<GivenFile>('POST', kind, { body: form });
  },
  presets: () => request<PresetView[]>('GET', 'presets'),
  presetFaults: () => request<PresetFaultView[]>('GET', 'preset-faults'),
  devices: () => request<DeviceView[]>('GET', 'devices'),
  workers: () => request<WorkerView[]>('GET', 'workers'),
  health: () => request<Health>('GET', 'health'),
  estimate: (body: JobRequest, signal: AbortSignal) =>
    request<Estimate>('POST', 'estimate', { body, signal }),
  suggestions: (body: SuggestionRequest, signal: AbortSignal) =>
    request<Suggestions>('POST', 'suggestions', { body, signal }),
  askKnowledge: (body: KnowledgeRequest) => request<Knowledge>('POST', 'knowledge', { body }),
  knowledge: (id: string) => request<Knowledge>('GET', `knowledge/${encodeURIComponent(id)}`),
  cancelKnowledge: (id: string) =>
    request<Knowledge>('POST', `knowledge/${encodeURIComponent(id)}/cancel`),
  createJob: (
    job: JobRequest,
    pictures: {
      forget: readonly NamedFile[];
      retain: readonly NamedFile[];
      /** Of each concept of a list. */
      concepts: readonly (readonly NamedFile[])[];
    },
  ) => {
    const form = new FormData();
    // First, so that the captions are there before the files.
    form.append('job', JSON.stringify(job));
    for (const { file, name } of pictures.forget) form.append('forgetImages', file, name);
    for (const { file, name } of pictures.retain) form.append('retainImages', file, name);
    for (const [place, files] of pictures.concepts.entries()) {
      for (const { file, name } of files) form.append(`conceptImages[${place}]`, file, name);
    }
    return request<JobView>('POST', 'jobs', { body: form });
  },
  cancelJob: (id: string) => jobAction(id, 'cancel'),
  resumeJob: (id: string) => jobAction(id, 'resume'),
  /** @param strength how many times the change counts; undefined for the result as it is */
  applyJob: (id: string, strength?: number) => jobAction(id, 'apply', { strength }),
  rollbackJob: (id: string) => jobAction(id, 'rollback'),
  applyLora: (id: string) => jobAction(id, 'apply-lora'),
  rollbackLora: (id: string) => jobAction(id, 'rollback-lora'),
  /** @param how `steps` and `count`, where they are not the usual ones */
  attackJob: (id: string, kinds: readonly string[], how: { steps?: number; count?: number }) =>
    request<unknown>('POST', `jobs/${encodeURIComponent(id)}/attacks`, {
      body: { kinds, ...how },
    }),
  cancelAttacks: (id: string) =>
    request<unknown>('POST', `jobs/${encodeURIComponent(id)}/attacks/cancel`),
  openFolder: (id: string) =>
    request<unknown>('POST', `jobs/${encodeURIComponent(id)}/open-folder`),
  deleteJob: (id: string, withModel: boolean) =>
    request<unknown>('DELETE', `jobs/${encodeURIComponent(id)}?model=${withModel}`),
  savePreset: (id: string, title: string) =>
    request<PresetView>('POST', `jobs/${encodeURIComponent(id)}/preset`, { body: { title } }),
  importPreset: (yaml: File) => request<PresetView>('POST', 'presets', { body: yaml }),
  sweeps: () => request<SweepSummary[]>('GET', 'sweeps'),
  createSweep: (name: string, yaml: string) =>
    request<SweepView>('POST', 'sweeps', { body: { name, yaml } }),
  sweep: (name: string) => sweepRequest('GET', name),
  changeSweep: (name: string, yaml: string) => sweepRequest('PUT', name, '', { yaml }),
  startSweep: (name: string) => sweepRequest('POST', name, '/start'),
  cancelSweep: (name: string) => sweepRequest('POST', name, '/cancel'),
  deleteSweep: (name: string) => request<unknown>('DELETE', `sweeps/${encodeURIComponent(name)}`),
  deletePreset: (name: string) => request<unknown>('DELETE', `presets/${encodeURIComponent(name)}`),
};

function sweepRequest(method: string, name: string, action = '', body?: object) {
  const path = `sweeps/${encodeURIComponent(name)}${action}`;
  return request<SweepView>(method, path, { ...(body && { body }) });
}

function jobAction(id: string, action: string, body?: object): Promise<JobView> {
  return request<JobView>('POST', `jobs/${encodeURIComponent(id)}/${action}`, {
    ...(body && { body }),
  });
}

/** @throws ApiError, also where the sidecar cannot be reached */
async function request<T>(
  method: string,
  path: string,
  { body, signal }: { body?: FormData | File | object; signal?: AbortSignal } = {},
): Promise<T> {
  const isJson = body !== undefined && !(body instanceof FormData || body instanceof File);
  const response = await fetch(resolve(`api/${path}`), {
    method,
    signal: signal ?? null,
    body: isJson ? JSON.stringify(body) : (body ?? null),
    headers: contentType(body),
  }).catch((cause: unknown) => {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, 'network', t('The server does not answer. It may be starting again.'));
  });
  const text = await response.text();
  if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T;
  throw readRefusal(response, text);
}

/** A form's is the browser's to give: it knows where the parts end. */
function contentType(body: unknown): Record<string, string> {
  if (body === undefined || body instanceof FormData) return {};
  return { 'Content-Type': body instanceof File ? 'application/yaml' : 'application/json' };
}
