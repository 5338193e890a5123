import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { JobHistory, JobView } from '../../src/contract/job-views.ts';
import type { Host } from '../../src/hosts/host.ts';
import { type WebUiProcess, whenEnded } from '../helpers/web-ui-process.ts';

// What drives of real web UIs have in common.

export const checkout = path.resolve(import.meta.dirname, '../..');

/** Prints how long something took. */
export function note(what: string, ms: number): void {
  console.log(`${what.padEnd(52)}${(ms / 1000).toFixed(2).padStart(8)} s`);
}

/** Whether a web UI tells its models: its page is there before its API. */
export async function listsModels(host: Host): Promise<boolean> {
  return host.listModels().then(
    (models) => models.length > 0,
    () => false,
  );
}

/** Runs our command line. */
export function run(...args: string[]): void {
  const bin = path.join(checkout, 'src', 'bin.mjs');
  process.stdout.write(execFileSync(process.execPath, [bin, ...args], { encoding: 'utf8' }));
}

/** Asks the sidecar for something below its jobs. */
export async function askJobs<T>(
  webUi: WebUiProcess,
  address: string,
  options: RequestInit = {},
): Promise<T> {
  const answer = await webUi.fetch(`api/jobs${address}`, options);
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return (text === '' ? null : JSON.parse(text)) as T;
}

/** Has a job done. @returns what came of it, and after how many ms */
export async function finishJob(
  webUi: WebUiProcess,
  job: object,
): Promise<{ readonly view: JobView; readonly ms: number }> {
  const body = new FormData();
  body.append('job', JSON.stringify(job));
  const { id } = await askJobs<JobView>(webUi, '', { method: 'POST', body });
  const isOver = async () => {
    // Each question takes the web UI, whose bridge forwards it, from its drawing.
    await sleep(1000);
    return ['done', 'failed'].includes((await askJobs<JobView>(webUi, `/${id}`)).state);
  };
  const ms = await webUi.waitFor(isOver);
  const view = await askJobs<JobView>(webUi, `/${id}`);
  if (view.state !== 'done') throw new Error(`${view.state}: ${view.error?.message}`);
  return { view, ms };
}

/** An erasure whose pictures the web UI draws, those of the comparison too; the result is removed. */
export async function eraseWithItsPictures(
  webUi: WebUiProcess,
  job: { readonly model: string; readonly settings: Readonly<Record<string, unknown>> },
): Promise<void> {
  const prompts = { forget: ['a heart'], retain: ['a star'] };
  const { view, ms } = await finishJob(webUi, {
    ...{ ...job, ...prompts },
    ...{ pictures: 'host', device: 'cpu' },
  });
  note('erased with pictures of the web UI', ms);
  const { log } = await askJobs<JobHistory>(webUi, `/${view.id}/metrics`);
  for (const { message } of log) console.log(`  ${message}`);
  const sources = new Set(view.samples.map(({ which, drawnBy }) => `${which} by the ${drawnBy}`));
  console.log(`  ${view.samples.length} pictures: ${[...sources].join(', ')}`);
  await askJobs(webUi, `/${view.id}`, { method: 'DELETE' });
}

/**
 * Starts a job for the graphics card, be it a software driver's, for which the web UI makes room.
 *
 * @returns its id; null where nothing is found to train on
 */
export async function startOnGraphicsCard(
  webUi: WebUiProcess,
  job: object,
): Promise<string | null> {
  const body = new FormData();
  body.append('job', JSON.stringify({ ...job, device: 'webgpu', pictures: 'sidecar' }));
  const answer = await webUi.fetch('api/jobs', { method: 'POST', body });
  if (answer.status === 422) {
    console.log(`the host's graphics memory is not asked for: ${await answer.text()}`);
    return null;
  }
  return ((await answer.json()) as JobView).id;
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
