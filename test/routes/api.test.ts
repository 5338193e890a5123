import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import supertest from 'supertest';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import type { Estimate } from '../../src/contract/estimate.ts';
import type { JobHistory, JobSummary, JobView } from '../../src/contract/job-views.ts';
import type { JudgeView, ModelView } from '../../src/contract/views.ts';
import { writeStatus } from '../../src/jobs/local/status-file.ts';
import { StoredFolder } from '../../src/jobs/local/stored-folder.ts';
import type { JobStatus } from '../../src/jobs/job-status.ts';
import { routes } from '../../routes/index.ts';
import { bearer, jobFolderOf, startTestSidecar, tinyModel } from '../helpers/sidecar.ts';

const scrubbed = 'tiny-sd-without-heart.safetensors';

describe('GET /api/health', () => {
  it('tells name, version and host', async () => {
    const { url } = await startTestSidecar();
    const { status, body } = (await supertest(url).get('/api/health')) as {
      status: number;
      body: unknown;
    };
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'ok',
      name: 'erase-concept',
      host: { kind: 'standalone', reachable: true },
    });
  });
});

describe('GET /api/devices', () => {
  it('tries every device; the CPU works', async () => {
    const { api } = await startTestSidecar();
    const { status, body } = (await api('get', '/devices')) as { status: number; body: unknown };
    expect(status).toBe(200);
    expect(body).toContainEqual(expect.objectContaining({ device: 'cpu', works: true }));
    expect((body as { isDefault: boolean }[]).filter(({ isDefault }) => isDefault)).toHaveLength(1);
  });
});

describe('GET /api/models', () => {
  it('lists the shipped model where there is no other, and what cannot be read with the reason', async () => {
    const { api, data } = await startTestSidecar();
    const { body } = (await api('get', '/models')) as { body: unknown };
    expect(body).toEqual([
      {
        name: tinyModel,
        bytes: expect.any(Number) as number,
        isActive: false,
        scrubbed: null,
        architecture: 'SD 1.x',
        refusal: null,
        nativeSize: 64,
        modelChannels: 64,
        prediction: {
          predictionType: 'epsilon',
          zeroTerminalSnr: false,
          basis: 'assumed',
          source: 'nothing says what it predicts',
          remarks: [expect.stringMatching(/taken to predict noise/) as string],
        },
        drawing: { draws: {}, sources: {} },
        predictionProblem: null,
        hasVae: true,
        asks: 'words',
      },
    ]);
    mkdirSync(join(data, 'models', 'inner'));
    writeFileSync(join(data, 'models', 'inner', 'broken.safetensors'), 'x');
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const models = (await api('get', '/models')).body as ModelView[];
    expect(models.find(({ name }) => name === 'inner/broken.safetensors')).toMatchObject({
      architecture: null,
      refusal: expect.stringContaining('broken.safetensors') as string,
    });
  });
});

describe('GET /api/judges', () => {
  it('lists those of the tiny model and one’s own, with what they tell apart', async () => {
    const { api, data } = await startTestSidecar();
    const folder = join(data, 'judges');
    mkdirSync(folder);
    writeFileSync(join(folder, 'mine.onnx'), 'x');
    writeFileSync(join(folder, 'mine.txt'), 'cat\ndog\n');
    writeFileSync(join(folder, 'bare.onnx'), 'x');
    const judges = (await api('get', '/judges')).body as JudgeView[];
    expect(judges.slice(0, 2)).toEqual([
      { name: 'bare', classes: [], problem: expect.stringContaining('bare.txt') as string },
      { name: 'mine', classes: ['cat', 'dog'], problem: null },
    ]);
    expect(judges.find(({ name }) => name === 'tiny-style')?.classes).toContain('Pontilla');
  });
});

describe('POST /api/estimate', () => {
  const judgedBy = (name: string, label: string) => ({
    ...{ model: tinyModel, forget: ['a heart'] },
    judges: [{ name, classes: [label] }],
  });
  const ask = ({ url }: { url: string }, body: object) =>
    supertest(url).post('/api/estimate').set(bearer).send(body);

  it('tells what a job will need, its pictures on the way and at the end too', async () => {
    const sidecar = await startTestSidecar();
    const asked = {
      model: tinyModel,
      forget: ['a poodle'],
      retain: ['a star'],
      captions: { retain: { '1.png': 'a dog' } },
      settings: { steps: 20, until: 'steps' },
      device: 'cpu',
    };
    const { status, body } = (await ask(sidecar, asked)) as { status: number; body: Estimate };
    expect(status).toBe(200);
    expect(body).toMatchObject({ device: 'cpu', basis: 'measured', fits: true, advice: [] });
    expect(body.warnings).toEqual([expect.stringContaining('"a dog" (poodle)')]);
    expect(body.memoryBytes).toBeGreaterThan(0.2e9);
    // The result and the states of a low-rank change.
    expect(body.diskBytes).toBeGreaterThan(20e6);
    expect(body.forget).toEqual([{ prompt: 'a poodle', anchor: 'a star' }]);
    const settings = { ...asked.settings, sampleEvery: 1, evaluationPictures: 4 };
    const more = (await ask(sidecar, { ...asked, settings })).body as Estimate;
    expect(more.secondsPerStep).toBe(body.secondsPerStep);
    expect(more.seconds).toBeGreaterThan(1.1 * body.seconds);
  }, 120_000);

  it('takes a method without steps, whose settings know no form of the change', async () => {
    const asked = { model: tinyModel, forget: ['a poodle'], settings: { method: 'uce' } };
    const answer = await ask(await startTestSidecar(), { ...asked, device: 'cpu' });
    expect(answer.body).toMatchObject({ device: 'cpu', fits: true });
    expect(answer.status).toBe(200);
  }, 120_000);

  it.each([
    ['no model', { forget: ['a heart'] }, 400, 'usage.invalid'],
    ['an unknown model', { model: '../x.safetensors' }, 404, 'model.not-found'],
    ['an unknown preset', { model: tinyModel, preset: 'nothing' }, 404, 'preset.not-found'],
    ['an unknown judge', judgedBy('../a', 'x'), 404, 'judge.not-found'],
    ['a class that its judge has not', judgedBy('tiny-style', 'dots'), 422, 'judge.invalid'],
    ['a wrong setting', { model: tinyModel, settings: { steps: -1 } }, 400, 'usage.invalid'],
    [
      'a contradiction',
      { model: tinyModel, forget: ['a heart'], captions: { retain: { '1.png': 'A Heart.' } } },
      422,
      'prompt.invalid',
    ],
    [
      'a prompt of several',
      { model: tinyModel, forget: ['a [red|blue] heart'] },
      422,
      'prompt.invalid',
    ],
  ])('refuses %s', async (_, asked, status, code) => {
    const answer = await ask(await startTestSidecar(), asked);
    expect(answer.body).toMatchObject({ error: { code } });
    expect(answer.status).toBe(status);
  });
});

describe('a job', () => {
  it('goes from the queue to a model that is applied, rolled back and deleted', async () => {
    const sidecar = await startTestSidecar();
    const { api, reaches } = sidecar;
    const job = await sidecar.create({ retain: ['a star', 'two hearts'] });
    expect(job).toMatchObject({
      warnings: [expect.stringContaining('"two hearts" (heart)') as string],
      state: expect.stringMatching(/queued|preparing/) as string,
      concept: 'heart',
      model: tinyModel,
      steps: 10,
      settings: null,
      forget: [
        { prompt: 'a red heart', anchor: expect.any(String) as string },
        { prompt: 'a photo of a heart', anchor: 'a photo' },
      ],
    });
    const done = await reaches(job.id, 'done');
    expect(done).toMatchObject({
      step: 10,
      device: 'cpu',
      phase: 'save',
      settings: { steps: 10, sampleEvery: 1 },
      error: null,
      canResume: false,
      memoryBytes: expect.any(Number) as number,
      samples: [{ file: 'after.png', which: 'after', step: 10 }],
      result: { model: scrubbed, isActive: false },
    });
    expect(done.result?.path).toBe(join(sidecar.data, 'models', scrubbed));

    const sample = await api('get', `/jobs/${job.id}/samples/after.png`);
    expect(sample.headers['content-type']).toBe('image/png');
    const history = (await api('get', `/jobs/${job.id}/metrics`)).body as JobHistory;
    expect(history.progress.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(history.log.at(-1)?.message).toMatch(/^Done/);

    const models = (await api('get', '/models')).body as ModelView[];
    expect(models.find(({ name }) => name === scrubbed)?.scrubbed).toEqual({
      concept: 'heart',
      jobId: job.id,
    });

    expect((await api('post', `/jobs/${job.id}/rollback`)).status).toBe(409);
    const applied = (await api('post', `/jobs/${job.id}/apply`)).body as JobView;
    expect(applied).toMatchObject({ rollbackTo: tinyModel, result: { isActive: true } });
    expect((await api('post', `/jobs/${job.id}/apply`)).status).toBe(409);
    const refused = await api('delete', `/jobs/${job.id}?model=true`);
    expect(refused.status).toBe(409);
    expect(refused.body).toMatchObject({ error: { code: 'model.active' } });
    const back = (await api('post', `/jobs/${job.id}/rollback`)).body as JobView;
    expect(back).toMatchObject({ rollbackTo: null, result: { isActive: false } });
    expect(
      ((await api('get', '/models')).body as ModelView[]).find(({ isActive }) => isActive)?.name,
    ).toBe(tinyModel);

    expect((await api('delete', `/jobs/${job.id}?model=true`)).status).toBe(204);
    expect((await api('get', `/jobs/${job.id}`)).status).toBe(404);
    expect(existsSync(jobFolderOf(sidecar, job.id))).toBe(false);
    // The config of the text encoder is shared by all results of that folder.
    expect(readdirSync(join(sidecar.data, 'models'))).toEqual(['tiny-clip']);
  });

  it('keeps its model when it is deleted without it', async () => {
    const sidecar = await startTestSidecar();
    const job = await sidecar.create();
    await sidecar.reaches(job.id, 'done');
    expect((await sidecar.api('delete', `/jobs/${job.id}`)).status).toBe(204);
    expect(existsSync(join(sidecar.data, 'models', scrubbed))).toBe(true);
  });

  it('is deleted by who saw its end before its status was written', async () => {
    const isEnd = ({ state, queuedAt }: JobStatus) => state === 'done' && queuedAt === null;
    const slowly = vi
      .spyOn(StoredFolder.prototype, 'writeStatus')
      .mockImplementation(async function (this: StoredFolder, status) {
        if (isEnd(status)) await sleep(200);
        return writeStatus(this.path, status);
      });
    onTestFinished(() => {
      slowly.mockRestore();
    });
    const sidecar = await startTestSidecar();
    const job = await sidecar.create();
    await vi.waitUntil(() => slowly.mock.calls.some(([status]) => isEnd(status)), 20_000);
    expect((await sidecar.api('delete', `/jobs/${job.id}`)).status).toBe(204);
    await Promise.all(slowly.mock.results.map(({ value }) => value as Promise<void>));
    expect(readdirSync(join(sidecar.data, 'jobs'))).toEqual([]);
  });

  it('has no model, report or sample before its time, and nothing to resume', async () => {
    const sidecar = await startTestSidecar();
    const { id } = await sidecar.create({ forget: ['a heart slowly'], settings: { steps: 50 } });
    await sidecar.reaches(id, 'training');
    for (const [method, path, status] of [
      ['post', 'apply', 409],
      ['post', 'rollback', 409],
      ['post', 'resume', 409],
      ['post', 'open-folder', 409],
      ['get', 'report', 404],
      ['get', 'samples/after.png', 404],
    ] as const) {
      expect((await sidecar.api(method, `/jobs/${id}/${path}`)).status).toBe(status);
    }
    expect((await sidecar.api('delete', `/jobs/${id}`)).status).toBe(409);
  });

  it('has its folder opened for who sits at the machine, and for nobody else', async () => {
    const sidecar = await startTestSidecar();
    const { id } = await sidecar.create();
    await sidecar.reaches(id, 'done');
    const ask = (forwardedFor?: string) => {
      const request = sidecar.api('post', `/jobs/${id}/open-folder`);
      return forwardedFor === undefined ? request : request.set('X-Forwarded-For', forwardedFor);
    };
    for (const elsewhere of ['192.168.1.7', '192.168.1.7, 127.0.0.1', '127.0.0.1, unknown']) {
      const refused = await ask(elsewhere);
      expect(refused.status).toBe(403);
      expect(refused.body).toMatchObject({ error: { code: 'access.refused' } });
    }
    expect(sidecar.opened).toEqual([]);
    expect((await ask()).status).toBe(204);
    expect((await ask('127.0.0.1, ::1')).status).toBe(204);
    const models = join(sidecar.data, 'models');
    expect(sidecar.opened).toEqual([models, models]);
  });

  it('shows its report without letting anything in it run', async () => {
    const sidecar = await startTestSidecar();
    const { id } = await sidecar.create();
    await sidecar.reaches(id, 'done');
    writeFileSync(join(jobFolderOf(sidecar, id), 'report.html'), '<!doctype html><p>x');
    const { status, headers, text } = await sidecar.api('get', `/jobs/${id}/report`);
    expect([status, text]).toEqual([200, '<!doctype html><p>x']);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none';.*sandbox/);
    expect((await sidecar.api('get', `/jobs/${id}`)).body).toMatchObject({ hasReport: true });
  });
});

describe('POST /api/jobs', () => {
  it.each([
    ['an unknown model', { model: 'nothing.safetensors' }, 404, 'model.not-found'],
    ['a path as a model', { model: '../../etc/passwd' }, 404, 'model.not-found'],
    ['an unknown preset', { preset: 'nothing' }, 404, 'preset.not-found'],
    ['a path as a preset', { preset: '../../package' }, 404, 'preset.not-found'],
    [
      'a preset without its variable',
      { preset: 'artist-style', forget: [] },
      422,
      'preset.invalid',
    ],
    ['a variable without a preset', { variables: { artist: 'x' } }, 400, 'usage.invalid'],
    ['nothing to forget', { forget: [] }, 422, 'prompt.invalid'],
    ['an empty prompt', { forget: [' '] }, 422, 'prompt.invalid'],
    ['a contradiction', { retain: ['a red heart'] }, 422, 'prompt.invalid'],
    ['a size of half a cell', { settings: { size: 8 * 3 + 4 } }, 422, 'settings.invalid'],
    [
      'a setting of another method',
      { settings: { method: 'uce', steps: 3 } },
      422,
      'settings.invalid',
    ],
    ['a device that is not there', { device: 'dml' }, 422, 'device.unavailable'],
    ['no steps', { settings: { steps: 0 } }, 400, 'usage.invalid'],
    ['a wrong type', { forget: 'a heart' }, 400, 'usage.invalid'],
    ['an unknown field', { output: '/etc/passwd' }, 400, 'usage.invalid'],
    ['a caption of no picture', { captions: { forget: { 'a.png': 'x' } } }, 400, 'usage.invalid'],
  ])('refuses %s', async (_, change, status, code) => {
    const { api, data } = await startTestSidecar();
    const job = { model: tinyModel, forget: ['a red heart'], ...change };
    const answer = await api('post', '/jobs').field('job', JSON.stringify(job));
    expect(answer.body).toMatchObject({ error: { code, requestId: expect.any(String) as string } });
    expect(answer.status).toBe(status);
    expect(readdirSync(join(data, 'jobs'))).toEqual([]);
    expect(readdirSync(join(data, 'uploads'))).toEqual([]);
  });

  it.each([
    ['no form', undefined, undefined, 400],
    ['JSON in place of a form', 'application/json', '{}', 400],
    ['a form without its boundary', 'multipart/form-data', 'x', 400],
    ['a form that is cut off', 'multipart/form-data; boundary=x', '--x\r\nContent-Dis', 400],
  ])('refuses %s', async (_, type, body, status) => {
    const { api } = await startTestSidecar();
    const sent = api('post', '/jobs');
    if (type !== undefined) sent.set('Content-Type', type).send(body);
    expect((await sent).status).toBe(status);
  });

  it.each([
    ['no JSON', '{', 400],
    ['null', 'null', 400],
    ['a list', '[]', 400],
    ['two megabytes', JSON.stringify({ model: 'x'.repeat(2 ** 21) }), 413],
    [
      'prototypes',
      '{"model":"x","__proto__":{"isAdmin":true},"constructor":{"prototype":{}}}',
      400,
    ],
    ['very deep nesting', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 400],
  ])('refuses a job that is %s', async (_, job, status) => {
    const { api } = await startTestSidecar();
    const answer = await api('post', '/jobs').field('job', job);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toMatch(/ at .*\.ts/);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it('takes a job from a preset with its variable', async () => {
    const sidecar = await startTestSidecar();
    const job = await sidecar.create({
      preset: 'artist-style',
      variables: { artist: 'Some Name' },
      forget: [],
      retain: [],
    });
    expect(job).toMatchObject({ preset: 'artist-style', concept: 'Some Name' });
    expect((await sidecar.api('get', '/jobs')).body).toHaveLength(1);
    expect((await sidecar.api('post', `/jobs/${job.id}/cancel`)).status).toBe(200);
  });
});

describe('every route of a job', () => {
  it.each([
    'no-such-job',
    '..',
    '..%2f..',
    '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '..%5c..%5cwindows',
    '.',
    '%00',
    'a%00b',
    'x'.repeat(3000),
    '__proto__',
    'constructor',
    '*',
  ])('knows no job "%s"', async (id) => {
    const { api } = await startTestSidecar();
    for (const [method, path] of [
      ['get', ''],
      ['delete', ''],
      ['post', '/cancel'],
      ['post', '/resume'],
      ['post', '/apply'],
      ['post', '/rollback'],
      ['post', '/open-folder'],
      ['get', '/metrics'],
      ['get', '/report'],
      ['get', '/samples/a.png'],
    ] as const) {
      // Clients resolve dots before they send.
      const { status, body } = (await api(method, `/jobs/${id}${path}`)) as {
        status: number;
        body: unknown;
      };
      expect([404, 414, 431]).toContain(status);
      if (status === 404)
        expect(body).toMatchObject({ error: { message: expect.any(String) as string } });
    }
  });

  it.each(['..%2fjob.yaml', '..%2f..%2f..%2ftoken', '%2fetc%2fpasswd', 'job.yaml', 'after.png%00'])(
    'gives no file "%s"',
    async (file) => {
      const sidecar = await startTestSidecar();
      const { id } = await sidecar.create();
      await sidecar.reaches(id, 'done');
      const { status } = await sidecar.api('get', `/jobs/${id}/samples/${file}`);
      expect(status).toBe(404);
    },
  );
});

describe('GET /api/jobs', () => {
  it('shows jobs of the command line and of damaged ones the others', async () => {
    const sidecar = await startTestSidecar();
    const { id } = await sidecar.create();
    await sidecar.reaches(id, 'done');
    const folder = jobFolderOf(sidecar, id);
    // As the command line makes it: without a request, and ended in the middle.
    const other = jobFolderOf(sidecar, '20260101-0000-other');
    mkdirSync(join(other, 'samples'), { recursive: true });
    const yaml = readFileSync(join(folder, 'job.yaml'), 'utf8').replace(id, '20260101-0000-other');
    writeFileSync(join(other, 'job.yaml'), yaml);
    mkdirSync(jobFolderOf(sidecar, 'damaged'));
    writeFileSync(join(jobFolderOf(sidecar, 'damaged'), 'job.yaml'), 'version: 7');
    await new Promise((resolve) => setTimeout(resolve, 2100));
    const jobs = (await sidecar.api('get', '/jobs')).body as JobSummary[];
    expect(jobs.map((job) => [job.id, job.state])).toContainEqual([id, 'done']);
    expect(jobs).toContainEqual(
      expect.objectContaining({ id: '20260101-0000-other', state: 'interrupted' }),
    );
    expect(jobs).toHaveLength(2);
  });
});

describe('GET /api/openapi.json', () => {
  it('describes every route with what it takes and answers', async () => {
    const { api } = await startTestSidecar();
    const { body } = (await api('get', '/openapi.json')) as {
      body: { openapi: string; paths: Record<string, Record<string, Record<string, unknown>>> };
    };
    expect(body.openapi).toBe('3.1.0');
    for (const { method, path } of routes) {
      const described = body.paths[`/api${path.replaceAll(/:(\w+)/g, '{$1}')}`]?.[method];
      expect(described, `${method} ${path}`).toBeDefined();
      expect(described?.responses).toHaveProperty('500');
    }
    const post = JSON.stringify(body.paths['/api/jobs']?.post?.requestBody);
    expect(post).toContain('"forgetImages"');
    // What has a default need not be given.
    expect(post).toContain('"required":["model"]');
  });
});

describe('an address that is none', () => {
  it.each([
    ['get', '/nothing'],
    ['post', '/health'],
    ['delete', '/jobs'],
    ['get', '/%c0%af'],
    ['get', '/%'],
  ] as const)('%s %s is answered in our words', async (method, path) => {
    const { url } = await startTestSidecar();
    const { status, body } = (await supertest(url)[method](`/api${path}`).set(bearer)) as {
      status: number;
      body: unknown;
    };
    expect([400, 404]).toContain(status);
    expect(body).toMatchObject({ error: { code: expect.any(String) as string } });
  });
});
