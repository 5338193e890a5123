import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { compileInto } from './compile.mjs';

// npm run build: makes `dist`, which a package for the registry holds in place of the sources. A clone
// needs none: it compiles itself where it starts.

const dist = fileURLToPath(new URL('../dist', import.meta.url));
rmSync(dist, { recursive: true, force: true });
await compileInto(dist);
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const project = fileURLToPath(new URL('tsconfig.build.json', import.meta.url));
execFileSync(process.execPath, [tsc, '--project', project], { stdio: 'inherit' });
