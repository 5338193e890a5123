#!/usr/bin/env node
import { bearClosedTerminal } from './cli/closed-terminal.mjs';
import { endUnlessTakenOver } from './cli/end-signals.mjs';

// First of all, in plain JavaScript: what follows takes a second to load.
bearClosedTerminal();
endUnlessTakenOver();
await import('./load-typescript.mjs');
await import('./main.ts');
