import { computed, signal } from '@preact/signals';

import type { Manifest } from '../src/contract/manifest.ts';
import type { JobHistory, JobSummary, JobView } from '../src/contract/job-views.ts';
import type {
  DeviceView,
  EmbeddingView,
  JudgeView,
  LoraView,
  ModelView,
  PresetFaultView,
  PresetView,
  VaeView,
} from '../src/contract/views.ts';
import { api } from './api.ts';
import { ApiError } from './api-error.ts';
import { wordError } from './languages/word-error.ts';

/** Whether the sidecar is there, and lets this page in. */
export const connection = signal<'connecting' | 'online' | 'offline' | 'unauthorized'>(
  'connecting',
);

/** What there is to choose from; null until it is known. */
export const manifest = signal<Manifest | null>(null);
export const models = signal<readonly ModelView[] | null>(null);
export const vaes = signal<readonly VaeView[] | null>(null);
export const loras = signal<readonly LoraView[] | null>(null);
export const embeddings = signal<readonly EmbeddingView[] | null>(null);
export const judges = signal<readonly JudgeView[] | null>(null);
export const presets = signal<readonly PresetView[] | null>(null);
/** Files that are no presets. */
export const presetFaults = signal<readonly PresetFaultView[]>([]);
export const devices = signal<readonly DeviceView[] | null>(null);
/** Whether there is a web UI that draws pictures. */
export const canHostDraw = signal(false);
/** Whether workers do the jobs. */
export const isShared = signal(false);
/** As `GET /api/health` names it; null until it is known. */
export const hostKind = signal<string | null>(null);
export const jobs = signal<readonly JobSummary[] | null>(null);

/** What went wrong while reading the lists above; null where nothing did. */
export const loadError = signal<string | null>(null);

/** The job that the page shows, with everything known of it. */
export interface WatchedJob {
  readonly job: JobView;
  readonly history: JobHistory;
}
export const watched = signal<WatchedJob | null>(null);

/** Why the job that was asked for cannot be shown. */
export const watchError = signal<string | null>(null);

/** What a screen reader is told; changed for news only. */
export const announcement = signal('');

export type Route =
  | { readonly view: 'choose' }
  | { readonly view: 'job'; readonly id: string }
  /** One of them, or all. */
  | { readonly view: 'sweeps'; readonly name: string | null };

/** Where the address points: `#/`, `#/jobs/ID`, `#/sweeps` or `#/sweeps/NAME`. */
export const route = signal<Route>(readRoute());
export const openJobId = computed(() => (route.value.view === 'job' ? route.value.id : null));

export const jobAddress = (id: string) => `#/jobs/${encodeURIComponent(id)}`;
export const chooseAddress = '#/';
export const sweepsAddress = '#/sweeps';
export const sweepAddress = (name: string) => `#/sweeps/${encodeURIComponent(name)}`;

/** Goes where an address of the page points. */
export function go(address: string): void {
  location.hash = address;
}

export function followAddress(): void {
  addEventListener('hashchange', () => (route.value = readRoute()));
}

function readRoute(): Route {
  const [, place, name] = /^#\/(jobs|sweeps)(?:\/(.+))?$/.exec(location.hash) ?? [];
  const decoded = name === undefined ? null : decodeURIComponent(name);
  if (place === 'sweeps') return { view: 'sweeps', name: decoded };
  return decoded === null ? { view: 'choose' } : { view: 'job', id: decoded };
}

/** Reads all that can be chosen from; what comes first is shown first. */
export async function loadChoices(): Promise<void> {
  try {
    await Promise.all([
      loadManifest(),
      loadModels(),
      loadPresets(),
      loadJudges(),
      loadDevices(),
      loadHost(),
    ]);
    loadError.value = null;
  } catch (error) {
    noteError(error);
    loadError.value = messageOf(error);
  }
}

async function loadManifest(): Promise<void> {
  manifest.value = await api.manifest();
}

export async function loadModels(): Promise<void> {
  models.value = await api.models();
  // Only where they are needed: a list may take a look into every file.
  if (models.value.some(({ hasVae }) => !hasVae)) vaes.value = await api.vaes();
}

/** Reads what models can be run with; a list may take a look into every file. */
export async function loadCompanions(): Promise<void> {
  [vaes.value, loras.value, embeddings.value] = await Promise.all([
    api.vaes(),
    api.loras(),
    api.embeddings(),
  ]);
}

export async function loadPresets(): Promise<void> {
  [presets.value, presetFaults.value] = await Promise.all([api.presets(), api.presetFaults()]);
}

export async function loadJudges(): Promise<void> {
  judges.value = await api.judges();
}

async function loadDevices(): Promise<void> {
  devices.value = await api.devices();
}

async function loadHost(): Promise<void> {
  const { host, ...server } = await api.health();
  isShared.value = server.isShared;
  canHostDraw.value = host.canDraw;
  hostKind.value = host.kind;
}

/** Takes from an error what it says of the connection. */
function noteError(error: unknown): void {
  if (error instanceof ApiError && error.status === 401) connection.value = 'unauthorized';
}

export function messageOf(error: unknown): string {
  if (error instanceof ApiError) return wordError(error);
  return error instanceof Error ? error.message : String(error);
}
