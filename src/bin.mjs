#!/usr/bin/env node
import { bearClosedTerminal } from './cli/closed-terminal.mjs';
import { endUnlessTakenOver } from './cli/end-signals.mjs';

// First of all, in plain JavaScript: what follows takes half a second to load.
bearClosedTerminal();
endUnlessTakenOver();
const { importable } = await import('./load-typescript.mjs');
await import(await importable(new URL('./main.ts', import.meta.url)));
