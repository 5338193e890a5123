import { spawn } from 'node:child_process';

import { softwareDrivers } from '../helpers/software-vulkan.ts';
import { WebUiProcess } from '../helpers/web-ui-process.ts';
import type { WebUiKind } from './a1111-kinds.ts';

interface ServerOptions {
  readonly kind: WebUiKind;
  /** The web UI's. */
  readonly folder: string;
  readonly python: string;
  readonly port: number;
  readonly dataFolder: string;
  readonly flags: readonly string[];
}

/** A request of the sidecar's, as --api-log notes it. */
interface ApiCall {
  readonly route: string;
  readonly ms: number;
}

/** A web UI as people start it, on the processor, without what it would download. */
export class A1111Server extends WebUiProcess {
  constructor({ kind, folder, python, port, dataFolder, flags }: ServerOptions) {
    const own = ['--skip-torch-cuda-test', '--api-log'];
    const child = spawn(
      python,
      ['launch.py', ...own, ...kind.onProcessor, '--port', String(port), ...flags],
      {
        cwd: folder,
        env: {
          ...process.env,
          ...softwareDrivers(process.env)[0]?.environment,
          ERASE_CONCEPT_DATA: dataFolder,
          HF_HUB_OFFLINE: '1',
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    super(child, new URL(`http://127.0.0.1:${port}/`), dataFolder);
  }

  /** What the sidecar asked for, in order; none where the web UI does not note it. */
  get calls(): ApiCall[] {
    const lines = this.output.matchAll(/API .*\/sdapi\/v1\/(\S+) \S+ ([\d.]+)$/gm);
    return [...lines].map(([, route = '', seconds]) => ({ route, ms: Number(seconds) * 1000 }));
  }
}
