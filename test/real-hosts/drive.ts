import { execFileSync } from 'node:child_process';
import path from 'node:path';

import { type WebUiProcess, whenEnded } from '../helpers/web-ui-process.ts';

// What drives of real web UIs have in common.

export const checkout = path.resolve(import.meta.dirname, '../..');

/** Prints how long something took. */
export function note(what: string, ms: number): void {
  console.log(`${what.padEnd(52)}${(ms / 1000).toFixed(2).padStart(8)} s`);
}

/** Runs our command line. */
export function run(...args: string[]): void {
  const bin = path.join(checkout, 'src', 'bin.mjs');
  process.stdout.write(execFileSync(process.execPath, [bin, ...args], { encoding: 'utf8' }));
}

/** A sidecar that is killed comes back; one whose web UI is killed ends. */
export async function surviveDeaths(webUi: WebUiProcess): Promise<void> {
  const first = webUi.sidecarId();
  process.kill(first, 'SIGKILL');
  const isBack = async () => (await webUi.hasSidecar()) && webUi.sidecarIdOrNull() !== first;
  note('a sidecar that was killed runs again', await webUi.waitFor(isBack));
  const second = webUi.sidecarId();
  await webUi.kill();
  const start = performance.now();
  await whenEnded(second);
  note('the sidecar of a web UI that was killed ends', performance.now() - start);
}
