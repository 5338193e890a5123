import { AppError } from '../errors.ts';
import { openHost } from './open-host.ts';
import { defaultPatience } from './patience.ts';

/** A web UI that answers at an address, and how far the sidecar gets with it. */
export interface FoundHost {
  readonly url: string;
  /** `unknown` where nothing answers, or what does is no web UI that is known. */
  readonly kind: string;
  readonly models: number;
  /** Null where none was chosen yet. */
  readonly activeModel: string | null;
  /** Why its models cannot be had, and what to do; null where they can. */
  readonly problem: { readonly code: string; readonly message: string } | null;
}

/** Where web UIs listen by default: AUTOMATIC1111 and its relatives with a page and without, ComfyUI. */
const usualAddresses = [7860, 7861, 8188].map((port) => new URL(`http://127.0.0.1:${port}/`));

/** Somebody waits for the answer. */
const patience = { ...defaultPatience, quickMs: 3000 };

/** Where a web UI is looked for, and what is kept of it. */
export interface HostSearch {
  /** Null for the usual addresses, where what is no web UI is left out. */
  readonly url: URL | null;
  /** `user:password` of the web UI's API; null for none. */
  readonly credentials: string | null;
  readonly dataFolder: string;
}

/** Looks which web UIs run on this machine, or what is at one address. */
export async function findHosts({ url, ...search }: HostSearch): Promise<FoundHost[]> {
  if (url !== null) return [await lookAt(url, search)];
  const looks = await Promise.all(usualAddresses.map((usual) => lookAt(usual, search)));
  return looks.filter(
    ({ kind, problem }) => kind !== 'unknown' || problem?.code === 'host.credentials',
  );
}

async function lookAt(url: URL, search: Omit<HostSearch, 'url'>): Promise<FoundHost> {
  const host = await openHost({ ...search, kind: null, url, modelFolders: [], patience });
  const found = { url: url.href, models: 0, activeModel: null, problem: null };
  try {
    const models = await host.listModels();
    const activeModel = await host.activeModel();
    return { ...found, kind: host.kind, models: models.length, activeModel };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { code, message } = error;
    return { ...found, kind: host.kind, problem: { code, message } };
  }
}
