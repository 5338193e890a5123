import { readFileSync } from 'node:fs';

interface TraceEvent {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

/** Seconds and calls by operator in the runtime's trace of a session, the slowest first. */
export function operatorTimes(traceFile: string) {
  const events = JSON.parse(readFileSync(traceFile, 'utf8')) as TraceEvent[];
  const sums = new Map<string, { seconds: number; calls: number }>();
  for (const { cat, name, dur, args } of events) {
    const operator = args?.op_name;
    // The time of an If is that of the nodes in it.
    if (cat !== 'Node' || !name.endsWith('_kernel_time') || !operator || operator === 'If')
      continue;
    const sum = sums.get(operator) ?? { seconds: 0, calls: 0 };
    sums.set(operator, { seconds: sum.seconds + dur / 1e6, calls: sum.calls + 1 });
  }
  const total = [...sums.values()].reduce((all, { seconds }) => all + seconds, 0);
  return [...sums]
    .map(([operator, { seconds, calls }]) => ({
      operator,
      calls,
      seconds: Number(seconds.toFixed(2)),
      share: `${((100 * seconds) / total).toFixed(1)} %`,
    }))
    .sort((a, b) => b.seconds - a.seconds);
}
