import { afterEach, describe, expect, it, vi } from 'vitest';

import { withInterrupts } from '../../src/cli/interrupts.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** What became of work that got these signals, each so many milliseconds after the start. */
async function afterSignals(signals: readonly (readonly [number, NodeJS.Signals])[]) {
  const clock = vi.spyOn(performance, 'now');
  return withInterrupts(({ cancel, kill }) => {
    for (const [time, name] of signals) {
      clock.mockReturnValue(time);
      // Our listener alone: the test's own process listens too.
      (process.listeners(name).at(-1) as (name: NodeJS.Signals) => void)(name);
    }
    return Promise.resolve({ isCancelled: cancel.aborted, isKilled: kill.aborted });
  });
}

describe('withInterrupts', () => {
  it.each([
    ['the first Ctrl-C', [[0, 'SIGINT']], false],
    ['one press that npx passes on', [[0, 'SIGINT'], [30, 'SIGINT']], false], // prettier-ignore
    [
      'a second press',
      [
        [0, 'SIGINT'],
        [1500, 'SIGINT'],
      ],
      true,
    ],
    [
      'a closed terminal, told by the system and by the shell',
      [
        [0, 'SIGHUP'],
        [2000, 'SIGHUP'],
      ],
      false,
    ],
    [
      'a service manager and its closed terminal',
      [
        [0, 'SIGTERM'],
        [1, 'SIGHUP'],
      ],
      false,
    ],
    [
      'Ctrl-C, then Ctrl-\\',
      [
        [0, 'SIGINT'],
        [100, 'SIGQUIT'],
      ],
      true,
    ],
  ] as const)('%s cancels; ends at once: see the table', async (_, signals, isKilled) => {
    expect(await afterSignals(signals)).toEqual({ isCancelled: true, isKilled });
  });

  it('leaves no listener behind', async () => {
    const before = process.listenerCount('SIGHUP');
    await afterSignals([[0, 'SIGHUP']]);
    expect(process.listenerCount('SIGHUP')).toBe(before);
  });
});
