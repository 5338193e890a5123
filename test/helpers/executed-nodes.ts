import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The nodes' names in the order in which the runtime ran them, from its trace (`trace…`) in a folder. */
export function executedNodes(folder: string): string[] {
  interface TraceEvent {
    readonly cat: string;
    readonly name: string;
    readonly ts: number;
  }
  const file = readdirSync(folder).find((name) => name.startsWith('trace'))!;
  const events = JSON.parse(readFileSync(join(folder, file), 'utf8')) as TraceEvent[];
  return events
    .filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'))
    .sort((a, b) => a.ts - b.ts)
    .map(({ name }) => name);
}
