import path from 'node:path';

import { replaceFile } from '../../checkpoint/atomic-file.ts';
import { comparedPictures } from '../../erase/compared-pictures.ts';
import type { EraseEvent } from '../../erase/events.ts';
import type { EraseJob } from '../../erase/job.ts';
import { hostRequestOf } from './host-request.ts';
import { stepsOf } from '../../methods/registry.ts';
import { outputsOf } from '../../erase/outputs.ts';
import { stepsOfResult } from '../../erase/result.ts';
import type { SampleSubject } from '../../erase/sample-folder.ts';
import { AppError } from '../../errors.ts';
import { drawSeries, type DrawingTools, modelNameAt } from '../../hosts/drawing-series.ts';
import type { GraphicsMemory } from '../../hosts/graphics-memory.ts';

interface ComparisonTools extends DrawingTools {
  readonly memory: GraphicsMemory;
}

/** A job that is done, whose models the host is to compare. */
interface Comparing {
  readonly job: EraseJob;
  /** The job's. */
  readonly folder: string;
  /** What was told of it: pictures that are there are not drawn again. */
  readonly past: readonly EraseEvent[];
  readonly onEvent: (event: EraseEvent) => void;
  readonly signal: AbortSignal;
}

/**
 * Has the host draw, with the original and with the result, the pictures that the evaluation compares:
 * the same prompts and seeds for both. A host that cannot does not undo the result: it is told.
 *
 * @returns how many were drawn
 * @throws the signal's reason
 */
export async function compareInHost(
  { memory, ...tools }: ComparisonTools,
  comparing: Comparing,
): Promise<number> {
  const { host, timeouts } = tools;
  const { job, folder, past, onEvent, signal } = comparing;
  // A LoRA is no model that pictures are drawn with.
  if (outputsOf(job).checkpoint === null) return 0;
  const tell = (message: string) => {
    onEvent({ event: 'notice', message });
  };
  const there = new Set(
    past.flatMap((event) => (event.event === 'sample' ? [path.parse(event.file).name] : [])),
  );
  const missing = listPictures(job, await stepsOfResult(job)).filter(
    (picture) => !there.has(stemOf(picture)),
  );
  if (missing.length === 0) return 0;
  let done = 0;
  try {
    if (memory.isLent) throw new AppError('host.busy', 'another erasure trains in its memory.');
    await memory.keep(async () => {
      await host.refresh();
      await drawSeries({ ...tools, waitMs: timeouts.idleMs, signal, tell }, async (draw) => {
        for (const picture of missing) {
          const { role, prompt, seed, which, step } = picture;
          const drawn = await draw({
            model: await modelNameAt(host, which === 'before' ? job.model.path : job.output),
            ...hostRequestOf(job.settings, { prompt, seed }),
          });
          const file = path.join(folder, 'samples', `${stemOf(picture)}.${drawn.picture.format}`);
          await replaceFile(file, drawn.picture.bytes);
          onEvent({ event: 'sample', file, prompt, which, step, role, seed, drawnBy: 'host' });
          done += 1;
        }
      });
    }, signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof AppError)) throw error;
    tell(`The web UI did not draw all pictures for the comparison: ${error.message}`);
  }
  return done;
}

interface ComparedPicture extends SampleSubject {
  readonly which: 'before' | 'after';
  /** Outer steps done by the model that draws it. */
  readonly step: number;
}

/** One model after the other: each is loaded once. */
function listPictures(job: EraseJob, steps: number | null): ComparedPicture[] {
  const subjects = comparedPictures(job);
  const last = steps ?? stepsOf(job.settings);
  return [
    ...subjects.map((subject) => ({ ...subject, which: 'before' as const, step: 0 })),
    ...subjects.map((subject) => ({ ...subject, which: 'after' as const, step: last })),
  ];
}

function stemOf({ which, step, role, number, seed }: ComparedPicture): string {
  return `host-${which}-${step}-${role}-${number}-${seed}`;
}
