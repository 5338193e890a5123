import { AppError } from '../errors.ts';
import { openHost } from './open-host.ts';
import { defaultTimeouts } from './host-timeouts.ts';

/** A web UI that answers at an address, and how far the sidecar gets with it. */
export interface FoundHost {
  readonly url: string;
  /** `unknown` where nothing answers, or what does is no web UI that is known. */
  readonly kind: string;
  /** Which one of its kind it is; null where it cannot be asked. */
  readonly name: string | null;
  readonly models: number;
  /** Null where none was chosen yet. */
  readonly activeModel: string | null;
  /** Why its models cannot be had, and what to do; null where they can. */
  readonly problem: { readonly code: string; readonly message: string } | null;
}

/** Where web UIs listen by default: AUTOMATIC1111 and its relatives with a page and without, ComfyUI. */
export const usualAddresses = [7860, 7861, 8188].map(
  (port) => new URL(`http://127.0.0.1:${port}/`),
);

/** Somebody waits for the answer. */
const timeouts = { ...defaultTimeouts, quickMs: 3000 };

/** How web UIs are asked. */
export interface HostAccess {
  /** `user:password` of their API; null for none. */
  readonly credentials: string | null;
  /** Where the choice of a model is kept that a web UI does not keep. */
  readonly dataFolder: string;
}

/** Looks at which of the addresses there is a web UI; what else may be there is left out. */
export async function findHosts(
  addresses: readonly URL[],
  access: HostAccess,
): Promise<FoundHost[]> {
  const looks = await Promise.all(addresses.map((url) => lookAtHost(url, access)));
  return looks.filter(
    ({ kind, problem }) => kind !== 'unknown' || problem?.code === 'host.credentials',
  );
}

/** Looks at what is at an address, be it no web UI. */
export async function lookAtHost(url: URL, access: HostAccess): Promise<FoundHost> {
  const host = await openHost({ ...access, kind: null, url, modelFolders: [], timeouts });
  const found = { url: url.href, name: null, models: 0, activeModel: null, problem: null };
  try {
    const models = await host.listModels();
    const [activeModel, name] = await Promise.all([host.activeModel(), host.name()]);
    return { ...found, kind: host.kind, name, models: models.length, activeModel };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { code, message } = error;
    return { ...found, kind: host.kind, problem: { code, message } };
  }
}
