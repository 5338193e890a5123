import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import type { RecordedEvent } from '../../src/erase/events.ts';
import { jobBackends } from '../../src/jobs/backends.ts';
import {
  type JobBackend,
  nothingGiven,
  type StoredJob,
  type Worker,
  type WorkSignals,
} from '../../src/jobs/ports.ts';
import { makeTinyJob } from '../erase/tiny-job.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { draftOf } from './create-job-folder.ts';
import { exampleJob } from './example-job.ts';

// What every registered backend keeps, so that the service need not know which one it has.

const trainingWorker = new URL('./workers/quick-worker.ts', import.meta.url);
const never = new AbortController().signal;
const draft = draftOf('a star', exampleJob);

/** Waits until something is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(5);
}

describe.each(Object.entries(jobBackends))('the backend "%s"', (_, makeBackend) => {
  const open = async (dataFolder = makeTemporaryFolder()) => {
    const backend: JobBackend = makeBackend({ dataFolder, trainingWorker });
    await backend.repository.open();
    return { ...backend, dataFolder };
  };

  describe('its repository', () => {
    it('keeps a job with its request and its state for whoever opens it anew', async () => {
      const { repository, dataFolder } = await open();
      const { id } = await repository.add(draft, nothingGiven);
      const again = (await open(dataFolder)).repository;
      expect([...(await again.revisions()).keys()]).toEqual([id]);
      const stored = (await again.find(id))!;
      expect(await stored.readDraft()).toEqual(draft);
      expect(await stored.readJob()).toBeNull();
      const status = await stored.readStatus();
      expect(status).toMatchObject({ state: 'queued', queuedAt: expect.any(String) as string });
      await stored.writeStatus({ ...status, state: 'preparing', picturesBy: 'host' });
      expect(await (await repository.find(id))?.readStatus()).toMatchObject({
        state: 'preparing',
        picturesBy: 'host',
      });
    });

    it('has an id of its own for each job, and none for what is no job', async () => {
      const { repository } = await open();
      const made = await Promise.all([1, 2, 3].map(() => repository.add(draft, nothingGiven)));
      expect(new Set(made.map(({ id }) => id)).size).toBe(3);
      for (const id of ['no-such-job', '..', '.', `../jobs/${made[0]!.id}`, '', 'a/b']) {
        expect(await repository.find(id)).toBeNull();
      }
    });

    it('takes given pictures into the job, and names them in its request', async () => {
      const { repository, artifacts } = await open();
      const given = path.join(makeTemporaryFolder(), 'forget-images');
      mkdirSync(given);
      writeFileSync(path.join(given, 'forget-0001.png'), 'a picture');
      const stored = await repository.add(draft, { ...nothingGiven, forgetImages: given });
      expect(existsSync(given)).toBe(false);
      const { forgetImages, retainImages } = (await stored.readDraft())!;
      expect(readFileSync(path.join(forgetImages!, 'forget-0001.png'), 'utf8')).toBe('a picture');
      expect(retainImages).toBeNull();
      expect(await artifacts.find(stored.id, 'forget-images/forget-0001.png')).not.toBeNull();
    });

    it('keeps events in their order, with their time, and tells that there are more', async () => {
      const { repository, dataFolder } = await open();
      const stored = await repository.add(draft, nothingGiven);
      const sizes = [await stored.eventsSize()];
      await stored.mendEvents();
      const told: RecordedEvent[] = [];
      for (const message of ['one', 'two', 'three']) {
        told.push(stored.appendEvent({ event: 'notice', message }));
        sizes.push(await stored.eventsSize());
      }
      expect(new Set(sizes).size).toBe(4);
      expect(told[0]?.time).toMatch(/^\d{4}-.*Z$/);
      const again = await (await open(dataFolder)).repository.find(stored.id);
      expect(await again?.readEvents()).toEqual(told);
    });

    it('deletes a job with all that it has', async () => {
      const { repository, artifacts } = await open();
      const { id } = await repository.add(draft, nothingGiven);
      const { id: other } = await repository.add(draft, nothingGiven);
      const folder = await artifacts.checkOut(id);
      writeFileSync(path.join(folder, 'report.html'), 'a report');
      await artifacts.checkIn(id);
      await repository.delete(id);
      expect(await repository.find(id)).toBeNull();
      expect(await artifacts.find(id, 'report.html')).toBeNull();
      expect([...(await repository.revisions()).keys()]).toEqual([other]);
    });
  });

  describe('its artifacts', () => {
    it('are files that were checked in, for every user of the backend', async () => {
      const { repository, artifacts, dataFolder } = await open();
      const { id } = await repository.add(draft, nothingGiven);
      const folder = await artifacts.checkOut(id);
      mkdirSync(path.join(folder, 'samples'), { recursive: true });
      writeFileSync(path.join(folder, 'samples/after.png'), 'a picture');
      await artifacts.checkIn(id);
      const found = await (await open(dataFolder)).artifacts.find(id, 'samples/after.png');
      expect(readFileSync(found!, 'utf8')).toBe('a picture');
    });

    it('are none of another job, and no folders', async () => {
      const { repository, artifacts } = await open();
      const [a, b] = [
        await repository.add(draft, nothingGiven),
        await repository.add(draft, nothingGiven),
      ];
      writeFileSync(path.join(await artifacts.checkOut(b.id), 'report.html'), 'a report');
      await artifacts.checkIn(b.id);
      const names = ['report.html', `../${b.id}/report.html`, 'samples', '.', '', '/etc/passwd'];
      for (const name of names) expect(await artifacts.find(a.id, name), name).toBeNull();
    });
  });

  describe('its queue', () => {
    /** A worker whose jobs last until they are let go; a job's lane is its first letter. */
    async function openQueue() {
      const { queue } = await open();
      const under = new Map<string, WorkSignals & { end: () => void; fail: (e: Error) => void }>();
      const begun: string[] = [];
      const troubles: unknown[] = [];
      const moves: (readonly string[])[] = [];
      const worker: Worker = {
        lane: (id) => Promise.resolve(id.slice(0, 1)),
        work: (id, signals) => {
          begun.push(id);
          return new Promise<'ended'>((resolve, reject) => {
            const end = () => {
              under.delete(id);
              resolve('ended');
            };
            const fail = (error: Error) => {
              under.delete(id);
              reject(error);
            };
            under.set(id, { ...signals, end, fail });
          });
        },
        onMoved: (waiting) => void moves.push(waiting),
        onTrouble: (error) => void troubles.push(error),
      };
      queue.start(worker);
      return { queue, under, begun, troubles, moves };
    }

    it('has jobs of a lane worked on one after another, in their order', async () => {
      const { queue, under, begun, moves } = await openQueue();
      for (const id of ['a1', 'a2', 'b1', 'a3']) await queue.add(id);
      await until(() => begun.length === 2);
      expect([begun, queue.waiting()]).toEqual([
        ['a1', 'b1'],
        ['a2', 'a3'],
      ]);
      under.get('b1')!.end();
      await sleep(20);
      expect(begun).toEqual(['a1', 'b1']);
      under.get('a1')!.end();
      await until(() => begun.includes('a2'));
      expect(queue.waiting()).toEqual(['a3']);
      expect(moves.at(-1)).toEqual(['a3']);
    });

    it('goes on after a job that failed, and tells of it', async () => {
      const { queue, under, begun, troubles } = await openQueue();
      for (const id of ['a1', 'a2']) await queue.add(id);
      await until(() => under.has('a1'));
      const error = new Error('a bug');
      under.get('a1')!.fail(error);
      await until(() => under.has('a2'));
      expect([begun, troubles]).toEqual([['a1', 'a2'], [error]]);
    });

    it('gives back a job that waits, and cancels one that is worked on, with the reason', async () => {
      const { queue, under, begun } = await openQueue();
      for (const id of ['a1', 'a2', 'a3']) await queue.add(id);
      await until(() => under.has('a1'));
      expect(await queue.remove('a2')).toBe(true);
      expect(await Promise.all([queue.remove('a2'), queue.remove('a1')])).toEqual([false, false]);
      const reason = new Error('no longer wanted');
      expect(await queue.cancel('a3', reason)).toBe(false);
      expect(await queue.cancel('a1', reason)).toBe(true);
      const work = under.get('a1')!;
      expect([work.cancel.reason, work.kill.aborted]).toEqual([reason, false]);
      work.end();
      await until(() => under.has('a3'));
      expect(begun).toEqual(['a1', 'a3']);
    });

    it('closes once all work has ended, killed where it takes too long, and begins none', async () => {
      const { queue, under, begun } = await openQueue();
      for (const id of ['a1', 'b1', 'a2']) await queue.add(id);
      await until(() => under.size === 2);
      const impatience = new AbortController();
      let isClosed = false;
      const closing = queue
        .close(impatience.signal, new Error('the end'))
        .then(() => (isClosed = true));
      await until(() => under.get('a1')!.cancel.aborted);
      const [a, b] = [under.get('a1')!, under.get('b1')!];
      a.end();
      await sleep(20);
      expect([isClosed, b.kill.aborted, begun]).toEqual([false, false, ['a1', 'b1']]);
      impatience.abort();
      expect(b.kill.aborted).toBe(true);
      b.end();
      await closing;
      expect(begun).toEqual(['a1', 'b1']);
    });
  });

  describe('its runner', () => {
    /** A job that the quick worker runs; what it is besides stands in the words to forget. */
    async function openJob(words = 'a heart', steps = 3) {
      const backend = await open();
      const { id: _, ...tiny } = await makeTinyJob(backend.dataFolder, { steps, batch: 1 });
      const forget = [{ prompt: words, anchor: 'a star' }];
      const asked = { ...draftOf('a heart', { ...tiny, outputIsGiven: true }), forget };
      const stored = await backend.repository.add(asked, nothingGiven);
      return { ...backend, stored, asked };
    }

    const run = (
      { runner, stored }: { runner: JobBackend['runner']; stored: StoredJob },
      signals: Partial<WorkSignals> = {},
    ) => {
      const events: RecordedEvent[] = [];
      const onEvent = (event: RecordedEvent) => void events.push(event);
      const ended = runner.run(stored.id, { cancel: never, kill: never, ...signals, onEvent });
      return { events, ended };
    };

    it('prepares what was asked for, runs it to its end and records what happens', async () => {
      const job = await openJob();
      const { runner, stored, asked, artifacts } = job;
      await runner.prepare(stored.id, never);
      const prepared = (await stored.readJob())!;
      expect(prepared).toMatchObject({ id: stored.id, forget: asked.forget, device: 'cpu' });
      const { events, ended } = run(job);
      await ended;
      expect(events.at(-1)).toMatchObject({ event: 'done', output: prepared.output });
      expect(await stored.readEvents()).toEqual(events);
      expect(existsSync(prepared.output)).toBe(true);
      await expect(runner.requireUnfinished(stored.id)).rejects.toMatchObject({
        code: 'job.wrong-state',
      });
      await runner.report(stored.id, never);
      expect(await artifacts.find(stored.id, 'report.html')).not.toBeNull();
    });

    it('tells who runs a job, lets nobody else, and cancels it so that it can go on', async () => {
      const job = await openJob('a heart slowly', 30);
      const { runner, stored } = job;
      await runner.prepare(stored.id, never);
      expect(await runner.findRunner(stored.id)).toBeNull();
      const cancelling = new AbortController();
      const first = run(job, { cancel: cancelling.signal });
      await until(() => first.events.some(({ event }) => event === 'progress'));
      expect(await runner.findRunner(stored.id)).toBe('here');
      const second = run(job);
      await expect(second.ended).rejects.toMatchObject({ code: 'job.wrong-state' });
      cancelling.abort();
      await expect(first.ended).rejects.toMatchObject({ code: 'job.cancelled' });
      expect((await stored.readEvents()).at(-1)).toMatchObject({
        event: 'error',
        code: 'job.cancelled',
      });
      expect(await runner.findRunner(stored.id)).toBeNull();
      await runner.requireUnfinished(stored.id);
      await runner.prepare(stored.id, never);
      const resumed = run(job);
      await resumed.ended;
      const steps = (await stored.readEvents()).flatMap((event) =>
        event.event === 'progress' ? [event.step] : [],
      );
      expect(steps).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    });

    it('survives the death of what it runs, and records what it died of', async () => {
      const job = await openJob('abort a heart');
      await job.runner.prepare(job.stored.id, never);
      const { ended } = run(job);
      await expect(ended).rejects.toMatchObject({ code: 'device.crashed' });
      expect((await job.stored.readEvents()).at(-1)).toMatchObject({ code: 'device.crashed' });
    });
  });
});
