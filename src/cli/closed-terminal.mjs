// @ts-check
import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';

/**
 * Lets this process end in peace when its terminal is closed. Node puts the terminal back to how it was,
 * which a closed one refuses, and crashes with signal 11 or 6 over it (nodejs/node#51519, mended in
 * Node 24.1). This program leaves terminals as they are, so there is nothing to put back: a descriptor
 * that is closed by then is left alone.
 */
export function bearClosedTerminal() {
  if (process.platform === 'win32') return;
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));
  process.on('exit', () => {
    for (const descriptor of terminals) closeSync(descriptor);
  });
}
