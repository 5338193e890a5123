import { effect, signal } from '@preact/signals';

import type { WorkerView } from '../src/contract/worker-view.ts';
import { api } from './api.ts';
import { isShared, jobs } from './state.ts';

/** Nobody tells when a worker comes or goes. */
const LOOK_MS = 3000;

/** Who works on the jobs; null where the server does itself, and until it is known. */
export const workers = signal<readonly WorkerView[] | null>(null);

/** Keeps the list of workers as it is, from now on. */
export function followWorkers(): void {
  effect(() => {
    if (!isShared.value) return;
    // Whoever takes a job up changes it.
    jobs.subscribe(look);
    setInterval(look, LOOK_MS);
  });
}

function look(): void {
  if (document.hidden) return;
  api.workers().then(
    (list) => (workers.value = list),
    // What stands between the page and the server is told elsewhere.
    () => undefined,
  );
}
