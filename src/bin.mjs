#!/usr/bin/env node
import './load-typescript.mjs';

await import('./main.ts');
