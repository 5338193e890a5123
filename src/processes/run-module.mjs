import './leave-signals.mjs';
import { importable } from '../load-typescript.mjs';

// What a process that this program starts runs: the module whose URL is its first argument.
try {
  await import(await importable(new URL(process.argv[2])));
} catch (error) {
  // Also where nobody is told: it must not pass for a run that has ended well.
  process.exitCode = 1;
  const { code, message, remedy } = error;
  process.send?.({ error: { code, message, remedy } }, undefined, undefined, () => process.exit(1));
  // Without a channel, and for who looks for a fault of the program.
  console.error(error);
}
