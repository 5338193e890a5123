import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import type { SweepErasure, SweepSummary, SweepView } from '../../src/contract/sweep-view.ts';
import type { JobSummary } from '../../src/contract/job-views.ts';
import type { ErrorBody } from '../../src/contract/views.ts';
import { AppError } from '../../src/errors.ts';
import { openHost } from '../../src/hosts/open-host.ts';
import { combinationsOf } from '../../src/jobs/sweep/server-sweep.ts';
import { startFleetWorker, makeFleet, startServer, until } from '../jobs/shared/shared-jobs.ts';
import { hasRedis, startRedis } from '../helpers/redis-server.ts';
import { startTestSidecar, type TestSidecar, tinyModel } from '../helpers/sidecar.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

/** The text of a sweep of these concepts, each a prompt of its own. */
function yamlOf(concepts: readonly string[], settings: readonly string[] = ['{ steps: 2 }']) {
  const entries = concepts.map((name) => `  - { name: ${name}, forget: a ${name} }\n`);
  const lines = settings.map((one) => `  - ${one}\n`);
  return `models: ${tinyModel}\nretain: [a star]\nconcepts:\n${entries.join('')}settings:\n${lines.join('')}`;
}

/** A sidecar, and what is asked of its sweeps. */
function sweepsOf({ api }: Pick<TestSidecar, 'api'>) {
  const ask = async <T>(
    method: Parameters<TestSidecar['api']>[0],
    route: string,
    body?: object,
  ): Promise<T> => {
    const answer = await api(method, route).send(body);
    expect(answer.status, answer.text).toBeLessThan(300);
    return answer.body as T;
  };
  const view = (name: string) => ask<SweepView>('get', `/sweeps/${name}`);
  return {
    view,
    list: () => ask<SweepSummary[]>('get', '/sweeps'),
    jobs: () => ask<JobSummary[]>('get', '/jobs'),
    create: (name: string, yaml: string) => ask<SweepView>('post', '/sweeps', { name, yaml }),
    replace: (name: string, yaml: string) => ask<SweepView>('put', `/sweeps/${name}`, { yaml }),
    act: (name: string, action: 'start' | 'cancel') =>
      ask<SweepView>('post', `/sweeps/${name}/${action}`),
    /** Waits until a sweep is so. */
    reaches: async (name: string, isSo: (sweep: SweepView) => boolean): Promise<SweepView> => {
      let sweep = await view(name);
      await until(async () => isSo((sweep = await view(name))));
      return sweep;
    },
    refusal: async (method: Parameters<TestSidecar['api']>[0], route: string, body?: object) => {
      const answer = await api(method, route).send(body);
      const { status } = answer;
      const { code, message } = (answer.body as ErrorBody).error;
      return { status, code, message };
    },
  };
}

const statesOf = ({ erasures }: SweepView) =>
  Object.fromEntries(erasures.map(({ concept, state }) => [concept, state]));
const jobsOf = ({ erasures }: SweepView) =>
  Object.fromEntries(erasures.map(({ concept, jobId }) => [concept, jobId]));
const isAll =
  (state: SweepErasure['state']) =>
  ({ erasures }: SweepView) =>
    erasures.every((one) => one.state === state);

describe('a sweep of the server', () => {
  it('is made of ordinary jobs, summed up with the best first, and extended by what is new', async () => {
    const sidecar = await startTestSidecar();
    const sweeps = sweepsOf(sidecar);
    const made = await sweeps.create('mine', yamlOf(['moon judged 75', 'heart judged 25']));
    expect(made).toMatchObject({ name: 'mine', error: null });
    const done = await sweeps.reaches('mine', isAll('done'));
    expect(done.counts).toMatchObject({ open: 0, queued: 0, done: 2, failed: 0 });
    expect(done.settings).toEqual([{ name: 'steps 2', done: 2, all: 2, score: 0.5 }]);
    expect(done.erasures).toMatchObject([
      {
        ...{ model: tinyModel, concept: 'heart judged 25', settings: 'steps 2', score: 0.75 },
        ...{ error: null, forget: { before: 1, after: 0.25 }, retain: { before: 1, after: 1 } },
        picture: 'forgotten.png',
      },
      { concept: 'moon judged 75', score: 0.25 },
    ]);
    const ids = Object.values(jobsOf(done));
    expect((await sweeps.jobs()).map(({ id }) => id).sort()).toEqual([...ids].sort());
    const [first] = ids;
    const picture = await sidecar.api('get', `/jobs/${first!}/samples/forgotten.png`);
    expect(picture.status).toBe(200);

    const more = ['moon judged 75', 'heart judged 25', 'ring'];
    await sweeps.replace('mine', yamlOf(more));
    const extended = await sweeps.reaches('mine', isAll('done'));
    expect(extended.yaml).toBe(yamlOf(more));
    expect(jobsOf(extended)).toMatchObject(jobsOf(done));
    expect(await sweeps.jobs()).toHaveLength(3);
    const [summary] = await sweeps.list();
    expect(summary).toEqual({ name: 'mine', counts: extended.counts, error: null });

    writeFileSync(path.join(sidecar.data, 'jobs', first!, 'report.html'), 'a report');
    const page = await sidecar.api('get', '/sweeps/mine/summary.html');
    const [, address = ''] = /href="([^"]+)"/.exec(page.text) ?? [];
    const { pathname } = new URL(address, `${sidecar.url}/api/sweeps/mine/summary.html`);
    expect(pathname).toBe(`/api/jobs/${first!}/report`);
    expect(page.text).toContain('3 of 3 erasures are done');
    expect(page.text).toContain('<img src="data:image/webp;base64,');
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    const table = await sidecar.api('get', '/sweeps/mine/summary.csv');
    expect(table.headers['content-type']).toContain('text/csv');
    expect(table.text.split('\r\n')[1]).toMatch(
      new RegExp(`^${tinyModel},heart judged 25,steps 2,done,0.75,`),
    );

    expect((await sidecar.api('delete', '/sweeps/mine')).status).toBe(204);
    expect(await sweeps.list()).toEqual([]);
    expect(await sweeps.jobs()).toHaveLength(3);
    expect(readdirSync(path.join(sidecar.data, 'sweeps'))).toEqual([]);
  });

  it('is cancelled as a whole and goes on with what is not done, in the same jobs', async () => {
    const sidecar = await startTestSidecar();
    const sweeps = sweepsOf(sidecar);
    await sweeps.create('mine', yamlOf(['slowly heart', 'moon', 'ring'], ['{ steps: 8 }']));
    const isTraining = (sweep: SweepView) => statesOf(sweep)['slowly heart'] === 'training';
    const before = jobsOf(await sweeps.reaches('mine', isTraining));
    await sweeps.act('mine', 'cancel');
    const cancelled = await sweeps.reaches('mine', isAll('cancelled'));
    expect(jobsOf(cancelled)).toEqual(before);
    expect(cancelled.erasures[0]?.error).toMatchObject({ code: 'job.cancelled' });

    // Of one whose job was deleted there is another; what is left out is not done any more.
    await sidecar.api('delete', `/jobs/${before.ring!}`);
    expect(statesOf(await sweeps.view('mine')).ring).toBe('open');
    await sweeps.replace('mine', yamlOf(['slowly heart', 'ring'], ['{ steps: 8 }']));
    const done = await sweeps.reaches('mine', isAll('done'));
    expect(jobsOf(done)).toMatchObject({ 'slowly heart': before['slowly heart'] });
    await sweeps.act('mine', 'start');
    const states = (await sweeps.jobs()).map(({ concept, state }) => [concept, state]);
    expect(Object.fromEntries(states)).toEqual({
      ...{ 'slowly heart': 'done', ring: 'done', moon: 'cancelled' },
    });
    expect(states).toHaveLength(3);
  });

  it('has what fails keep nothing else from being done', async () => {
    const sweeps = sweepsOf(await startTestSidecar());
    // No model of SD draws pictures that are 68 pixels wide, and a process that aborts ends its job alone.
    await sweeps.create(
      'mine',
      yamlOf(['"abort moon"', 'heart'], ['{ width: 68 }', '{ steps: 4 }']),
    );
    const ended = await sweeps.reaches('mine', ({ counts }) => counts.failed + counts.done === 4);
    expect(ended.counts).toMatchObject({ done: 1, failed: 3 });
    const codes = ended.erasures.map(({ error, jobId }) => [error?.code, jobId !== null]);
    expect(codes).toEqual([
      ['settings.invalid', false],
      ['device.crashed', true],
      ['settings.invalid', false],
      [undefined, true],
    ]);
    const table = await sweeps.view('mine');
    expect(table.settings.map(({ name, done }) => [name, done])).toEqual([
      ['width 68', 0],
      ['steps 4', 1],
    ]);
  });

  it('leaves the queue room, and the next server goes on making jobs', async () => {
    const data = makeTemporaryFolder();
    const first = await startTestSidecar({ data });
    const sweeps = sweepsOf(first);
    const names = Array.from({ length: 13 }, (_, i) => `slowly ${i}`);
    await sweeps.create('mine', yamlOf(names, ['{ steps: 400 }']));
    const isUsed = ({ counts }: SweepView) => counts.training === 1 && counts.queued === 12;
    await sweeps.reaches('mine', isUsed);
    await until(async () => (await sweeps.jobs()).length === 11);
    // Nothing is written at the end that a killed one would not have written.
    const kept = () =>
      readdirSync(path.join(data, 'sweeps/mine')).map((name) => [name, read(name)]);
    const read = (name: string) => readFileSync(path.join(data, 'sweeps/mine', name), 'utf8');
    const files = kept();
    expect(JSON.parse(read('owed.json'))).toHaveLength(2);
    await first.close();
    expect(kept()).toEqual(files);

    const next = sweepsOf(await startTestSidecar({ data }));
    await until(async () => (await next.jobs()).length === 13);
    expect(new Set(Object.values(jobsOf(await next.view('mine')))).size).toBe(13);
    await next.act('mine', 'cancel');
    await next.reaches('mine', isAll('cancelled'));
  });

  it('waits for a web UI that is not there yet when the server starts', async () => {
    const data = makeTemporaryFolder();
    const folder = path.join(data, 'sweeps/mine');
    mkdirSync(folder, { recursive: true });
    const yaml = yamlOf(['slowly heart'], ['{ steps: 400 }']);
    writeFileSync(path.join(folder, 'sweep.yaml'), yaml);
    const keys = combinationsOf(yaml, 'mine').map(({ key }) => key);
    writeFileSync(path.join(folder, 'owed.json'), JSON.stringify(keys));
    const none = { kind: null, url: null, credentials: null, modelFolders: [] };
    const host = await openHost({ ...none, dataFolder: data });
    const listModels = host.listModels.bind(host);
    host.listModels = () => Promise.reject(new AppError('host.unreachable', 'it is away.'));
    const sweeps = sweepsOf(await startTestSidecar({ data, host }));
    const told = await sweeps.reaches('mine', ({ erasures }) => erasures[0]?.error !== null);
    expect(told.erasures).toMatchObject([{ state: 'queued', error: { code: 'host.unreachable' } }]);
    host.listModels = listModels;
    const made = await sweeps.reaches('mine', ({ erasures }) => erasures[0]?.jobId !== null);
    expect(made.erasures).toMatchObject([{ error: null }]);
    await sweeps.act('mine', 'cancel');
  });

  it('whose text is damaged is told so, hides no other, and takes another text', async () => {
    const data = makeTemporaryFolder();
    for (const name of ['bad', 'good']) {
      mkdirSync(path.join(data, 'sweeps', name), { recursive: true });
      const yaml = name === 'good' ? yamlOf(['heart']) : 'models: [';
      writeFileSync(path.join(data, 'sweeps', name, 'sweep.yaml'), yaml);
    }
    // One of the command line, which is not this server's.
    mkdirSync(path.join(data, 'sweeps/other/models'), { recursive: true });
    const sidecar = await startTestSidecar({ data });
    const sweeps = sweepsOf(sidecar);
    const [bad, good, ...others] = await sweeps.list();
    expect(others).toEqual([]);
    expect(bad).toMatchObject({ name: 'bad', error: { code: 'sweep.invalid' } });
    expect(good).toMatchObject({ name: 'good', counts: { open: 1 }, error: null });
    expect(await sweeps.view('bad')).toMatchObject({ yaml: 'models: [', erasures: [] });
    expect(await sweeps.jobs()).toEqual([]);
    expect(await sweeps.refusal('post', '/sweeps/bad/start')).toMatchObject({ status: 422 });
    expect(await sweeps.refusal('get', '/sweeps/bad/summary.csv')).toMatchObject({ status: 422 });
    expect(await sweeps.replace('bad', yamlOf(['slowly heart']))).toMatchObject({ error: null });
    await sweeps.act('bad', 'cancel');
    expect((await sweeps.view('bad')).counts.queued).toBe(0);
    expect(
      await sweeps.refusal('post', '/sweeps', { name: 'other', yaml: yamlOf(['heart']) }),
    ).toMatchObject({ status: 409, code: 'sweep.exists' });
  });
});

describe('what cannot be a sweep', () => {
  it('is refused before anything is made', async () => {
    const sidecar = await startTestSidecar();
    const { refusal, jobs } = sweepsOf(sidecar);
    const yaml = yamlOf(['heart']);
    const asked: [body: object, status: number, code: string, words: RegExp][] = [
      [{ name: '../x', yaml }, 400, 'usage.invalid', /name/],
      [{ name: 'con', yaml }, 400, 'usage.invalid', /name/],
      [{ name: 'x' }, 400, 'usage.invalid', /yaml/],
      [{ name: 'x', yaml: 'models: [' }, 422, 'sweep.invalid', /the sweep "x"/],
      [{ name: 'x', yaml: `models: ${tinyModel}` }, 422, 'sweep.invalid', /nothing of what/],
      [{ name: 'x', yaml: `${yaml}  - { step: 1 }` }, 422, 'sweep.invalid', /step/],
      [
        { name: 'x', yaml: yaml.replace(tinyModel, '/etc/passwd') },
        404,
        'model.not-found',
        /passwd/,
      ],
      [
        { name: 'x', yaml: yaml.replace('forget: a heart', 'forget: a heart, images: /etc') },
        ...([422, 'sweep.invalid', /pictures/] as const),
      ],
    ];
    for (const [body, status, code, words] of asked) {
      const { message, ...told } = await refusal('post', '/sweeps', body);
      expect(told).toEqual({ status, code });
      expect(message).toMatch(words);
    }
    expect(readdirSync(sidecar.data)).not.toContain('sweeps');
    expect(await jobs()).toEqual([]);
  });

  it('is not found, whatever is asked of it', async () => {
    const { refusal } = sweepsOf(await startTestSidecar());
    const yaml = yamlOf(['heart']);
    const asked: [method: 'get' | 'post' | 'put' | 'delete', route: string][] = [
      ['get', ''],
      ['put', ''],
      ['delete', ''],
      ['post', '/start'],
      ['post', '/cancel'],
      ['get', '/summary.html'],
      ['get', '/summary.csv'],
    ];
    for (const [method, route] of asked) {
      for (const name of ['nobody', '..%2fjobs', '__proto__']) {
        const { status, code } = await refusal(method, `/sweeps/${name}${route}`, { yaml });
        expect([method, route, status, code]).toEqual([method, route, 404, 'sweep.not-found']);
      }
    }
  });
});

describe('a sweep whose jobs workers do', () => {
  it.runIf(hasRedis)('is done, extended and cancelled as one of the server’s own', async () => {
    const fleet = makeFleet(await startRedis());
    const sweeps = sweepsOf(await startServer(fleet));
    await startFleetWorker(fleet);
    await sweeps.create('mine', yamlOf(['moon judged 50'], ['{ steps: 12 }']));
    const before = jobsOf(await sweeps.reaches('mine', isAll('done')));
    const more = ['moon judged 50', 'slowly heart', 'ring'];
    await sweeps.replace('mine', yamlOf(more, ['{ steps: 12 }']));
    await sweeps.reaches('mine', ({ counts }) => counts.training === 1);
    await sweeps.act('mine', 'cancel');
    const ended = await sweeps.reaches('mine', ({ counts }) => counts.cancelled === 2);
    expect(ended.erasures[0]).toMatchObject({ concept: 'moon judged 50', score: 0.5 });
    expect(jobsOf(ended)).toMatchObject(before);
  });
});
