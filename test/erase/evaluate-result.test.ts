import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import { tinyClassifiers } from '../../src/evaluation/classifier/judge-folder.ts';
import { readEvaluation } from '../../src/evaluation/stored-evaluation.ts';
import type { EraseEvent } from '../../src/erase/events.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { makeTinyJob, runTinyJob } from './tiny-job.ts';

/** Several seconds on two idle cores. */
const limitMs = 300_000;

const told = (events: readonly EraseEvent[], ...kinds: EraseEvent['event'][]) =>
  events.filter(({ event }) => kinds.includes(event));
const names = (events: readonly EraseEvent[]) =>
  events.flatMap((event) => (event.event === 'sample' ? [path.basename(event.file)] : []));

it(
  'a result is drawn, judged and told of; killed or cancelled meanwhile, a run only judges it again',
  async () => {
    const folder = makeTemporaryFolder();
    const lost = { name: 'lost', file: path.join(folder, 'lost.onnx'), labels: '', classes: [] };
    const judges = tinyClassifiers.map((judge) => ({
      ...judge,
      classes: judge.name === 'tiny-style' ? ['Pontilla'] : [],
    }));
    const job = {
      ...(await makeTinyJob(folder, { steps: 1, evaluationPictures: 1, seed: 7 })),
      judges: [lost, ...judges],
    };
    const cancelled = await runTinyJob(job, folder, [], ({ event }) => event === 'evaluating');
    expect(told(cancelled, 'evaluation', 'sample')).toEqual([]);
    const model = readFileSync(job.output);

    const evaluated = await runTinyJob(job, folder, cancelled);
    const resumed = evaluated.slice(cancelled.length);
    expect(told(resumed, 'phase', 'progress')).toEqual([{ event: 'phase', phase: 'evaluate' }]);
    expect(readFileSync(job.output).equals(model)).toBe(true);
    const subjects = ['forget-0-8', 'retain-0-8', 'retain-1-8'];
    expect(names(resumed)).toEqual(
      subjects.flatMap((subject) => [`before-0-${subject}.png`, `after-1-${subject}.png`]),
    );
    for (const name of names(resumed))
      expect(existsSync(path.join(folder, 'samples', name))).toBe(true);
    expect(resumed.at(-1)).toMatchObject({
      event: 'evaluation',
      evaluation: { forget: { pictures: 1 }, retain: { pictures: 2 } },
    });

    const figures = resumed.flatMap((event) =>
      event.event === 'evaluation' ? readEvaluation(event.evaluation).figures : [],
    );
    expect(figures.map(({ id, pictures }) => [id, pictures])).toEqual([
      ...[
        ['zero-shot.shown', 1],
        ['zero-shot.recognised', 2],
      ],
      ...[
        ['classifier.shown', 1],
        ['classifier.false', 2],
      ],
      // Of the two prompts to keep, one names a style.
      ...[
        ['classifier.named', 1],
        ['classifier-2.named', 2],
        ['classifier-3.named', 2],
      ],
      ...[
        ['change.kept', 2],
        ['sharpness.forgotten', 1],
        ['sharpness.kept', 2],
      ],
    ]);
    // A judge that is not there any more keeps nobody from the rest.
    expect(told(resumed, 'notice')).toEqual([
      {
        event: 'notice',
        message: expect.stringMatching(/^The classifier lost does not/) as string,
      },
    ]);

    // Killed right after the last event but one: there is nothing left to do.
    expect(await runTinyJob(job, folder, evaluated)).toEqual(evaluated);
    // Killed before it: what is there is not drawn into again, what was told not told again.
    rmSync(path.join(folder, 'samples', names(resumed)[0]!));
    const again = await runTinyJob(job, folder, evaluated.slice(0, -1));
    expect(told(again.slice(evaluated.length - 1), 'sample')).toEqual([]);
    expect(again.at(-1)).toEqual(evaluated.at(-1));
    expect(existsSync(path.join(folder, 'samples', names(resumed)[0]!))).toBe(true);
  },
  limitMs,
);
