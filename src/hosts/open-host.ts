import { A1111Host } from './a1111/a1111-host.ts';
import { ComfyUiHost } from './comfyui/comfyui-host.ts';
import { detectHost, type HostKind } from './detect.ts';
import { DetectedHost } from './detected-host.ts';
import type { Host } from './host.ts';
import { HostClient } from './host-client.ts';
import { defaultTimeouts, type HostTimeouts } from './host-timeouts.ts';
import { StandaloneHost } from './standalone.ts';

/** Which host, and where. */
export interface HostOptions {
  /** Null: what answers at the address, or none where there is no address either. */
  readonly kind: HostKind | null;
  /** Null for the address that the web UI has by default. */
  readonly url: URL | null;
  /** `user:password`; null where the web UI asks for none. */
  readonly credentials: string | null;
  /** That the web UI runs in; null where it is not known. */
  readonly folder?: string | null;
  /** Folders of checkpoints; a web UI knows its own. */
  readonly modelFolders: readonly string[];
  readonly dataFolder: string;
  readonly timeouts?: HostTimeouts;
}

const defaultUrls = {
  a1111: new URL('http://127.0.0.1:7860/'),
  comfyui: new URL('http://127.0.0.1:8188/'),
};

/** The host; a web UI need not be there yet. */
export async function openHost(options: HostOptions): Promise<Host> {
  const { kind, url } = options;
  if (kind === 'a1111' || kind === 'comfyui') {
    return webUi(kind, clientOf(url ?? defaultUrls[kind], options), options);
  }
  if (kind === null && url !== null) {
    const client = clientOf(url, options);
    return new DetectedHost(async () => webUi(await detectHost(client), client, options));
  }
  const host = new StandaloneHost(options.modelFolders, options.dataFolder);
  await host.open();
  return host;
}

function clientOf(url: URL, { credentials, timeouts }: HostOptions): HostClient {
  return new HostClient({ url, credentials }, timeouts ?? defaultTimeouts);
}

function webUi(
  kind: Exclude<HostKind, 'standalone'>,
  client: HostClient,
  { dataFolder, folder }: HostOptions,
): Host {
  return kind === 'a1111' ? new A1111Host(client, folder) : new ComfyUiHost(client, dataFolder);
}
