import type { Host, HostFile, HostVae } from '../hosts/host.ts';
import { OwnFiles } from './own-files.ts';

/** Where the LoRAs, embeddings and VAEs that models are run with are looked for. */
export interface CompanionFiles {
  loras(): Promise<readonly HostFile[]>;
  embeddings(): Promise<readonly HostFile[]>;
  vaes(): Promise<readonly HostVae[]>;
}

/** Those of the host, then those that the person gave to this server. */
export function companionFiles(host: Host, dataFolder: string): CompanionFiles {
  const own = new OwnFiles(dataFolder);
  return {
    loras: async () => [...(await host.listLoras()), ...(await own.list('loras'))],
    embeddings: async () => [...(await host.listEmbeddings()), ...(await own.list('embeddings'))],
    vaes: async () => [
      ...(await host.listVaes()),
      ...(await own.list('vaes')).map((vae) => ({ ...vae, isChosen: false })),
    ],
  };
}
