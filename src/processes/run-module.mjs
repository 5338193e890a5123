import './leave-signals.mjs';
import { importable } from '../load-typescript.mjs';

// What a process that this program starts runs: the module whose URL is its first argument.
await import(await importable(new URL(process.argv[2])));
