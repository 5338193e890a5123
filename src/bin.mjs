#!/usr/bin/env node
import { register } from 'tsx/esm/api';

// The folder that it is called from may hold a tsconfig.json of another project.
register({ tsconfig: false });
await import('./main.ts');
