import { once } from 'node:events';

import { AppError } from './errors.ts';

/** A desktop that has no file manager says so at once. */
const PATIENCE_MS = 2000;

/**
 * Shows a folder in the file manager of the desktop that this runs on.
 *
 * @throws AppError `folder.not-shown` where there is none
 */
export async function openFolder(folder: string): Promise<void> {
  // Loaded when asked for: few ask, and a start need not wait for it.
  const { default: open } = await import('open');
  try {
    const opener = await open(folder);
    const patience = AbortSignal.timeout(PATIENCE_MS);
    const [status] = (await once(opener, 'exit', { signal: patience })) as [number | null];
    if (status !== 0) throw new Error(`its opener ended with status ${String(status)}`);
  } catch (cause) {
    // Some openers end with the window that they opened.
    if (cause instanceof Error && cause.name === 'AbortError') return;
    throw new AppError(
      'folder.not-shown',
      `no file manager could be started on the machine that the sidecar runs on. Look into "${folder}" yourself.`,
      { cause },
    );
  }
}
