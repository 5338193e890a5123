import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import type { JobHistory, JobView } from '../../src/contract/job-views.ts';
import type { JobRequest } from '../../src/contract/requests.ts';
import type { Health } from '../../src/contract/views.ts';
import { openHost } from '../../src/hosts/open-host.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { quickTimeouts } from '../helpers/quick-timeouts.ts';
import { end, inState, serve } from '../helpers/serve.ts';
import { jobFolderOf, startTestSidecar, tinyModel } from '../helpers/sidecar.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const shipped = path.resolve('presets/tiny-sd');

/** A web UI that has the tiny model in use. */
async function startWebUi(options: ConstructorParameters<typeof FakeA1111>[1] = {}) {
  const models = path.join(makeTemporaryFolder(), 'models');
  mkdirSync(models);
  cpSync(shipped, models, { recursive: true });
  const fake = await new FakeA1111(models, options).start(tinyModel);
  return { fake, drawn: () => fake.server.count('POST', '/sdapi/v1/txt2img') };
}

/** A sidecar whose jobs train nothing. */
async function start(options: ConstructorParameters<typeof FakeA1111>[1] = {}) {
  const webUi = await startWebUi(options);
  const data = makeTemporaryFolder();
  const host = await openHost({
    ...{ kind: 'a1111', url: webUi.fake.server.url, credentials: null, modelFolders: [] },
    ...{ dataFolder: data, timeouts: quickTimeouts },
  });
  const sidecar = await startTestSidecar({ data, host });
  const view = async (id: string) => (await sidecar.api('get', `/jobs/${id}`)).body as JobView;
  const log = async (id: string) => {
    const { log: lines } = (await sidecar.api('get', `/jobs/${id}/metrics`)).body as JobHistory;
    return lines.map(({ message }) => message);
  };
  return { ...webUi, host, sidecar, view, log };
}

const few = { steps: 10, generatedForget: 3, generatedRetain: 2, evaluationPictures: 0 };

describe('a job whose pictures the web UI draws', () => {
  it('has them before it trains, and shows how far they are', async () => {
    const { sidecar, view, log, drawn } = await start({ drawMs: 100 });
    const health = (await sidecar.api('get', '/health')).body as Health;
    expect(health.host.canDraw).toBe(true);
    const { id } = await sidecar.create({ pictures: 'host', settings: few });
    const seen: JobView[] = [];
    while ((seen.at(-1)?.drawing?.done ?? 0) < 3) {
      await sleep(20);
      seen.push(await view(id));
    }
    expect(seen.at(-1)).toMatchObject({
      ...{ state: 'preparing', phase: 'generate', pictures: 'host' },
      drawing: { total: 5 },
      etaSeconds: expect.any(Number) as number,
    });
    const done = await sidecar.reaches(id, 'done');
    expect(done).toMatchObject({ drawing: null, forgetImages: 0, retainImages: 0 });
    expect(drawn()).toBe(5);
    const folder = path.join(jobFolderOf(sidecar, id), 'drawn');
    expect(readdirSync(path.join(folder, 'forget'))).toHaveLength(6);
    expect(readdirSync(path.join(folder, 'retain'))).toHaveLength(4);
    const lines = await log(id);
    expect(lines.indexOf('Drawing pictures to forget and to retain')).toBe(0);
    expect(lines).toContain('The training process has started');
  });

  it('fails with the reason of a web UI that cannot, and goes on when it can', async () => {
    const { sidecar, view, fake, drawn } = await start({ drawMs: 100 });
    const { id } = await sidecar.create({ pictures: 'host', settings: few });
    while (((await view(id)).drawing?.done ?? 0) < 2) await sleep(20);
    fake.server.down();
    while ((await view(id)).state !== 'failed') await sleep(20);
    expect(await view(id)).toMatchObject({
      ...{ canResume: true, drawing: null },
      error: { code: 'host.unreachable' },
    });
    await fake.server.up();
    await sidecar.api('post', `/jobs/${id}/resume`);
    expect((await sidecar.reaches(id, 'done')).error).toBeNull();
    expect(drawn()).toBeLessThanOrEqual(6);
  });

  it('can be cancelled, and goes on where it was', async () => {
    const { sidecar, view, drawn } = await start({ drawMs: 100 });
    const { id } = await sidecar.create({ pictures: 'host', settings: few });
    while (((await view(id)).drawing?.done ?? 0) < 2) await sleep(20);
    await sidecar.api('post', `/jobs/${id}/cancel`);
    while ((await view(id)).state !== 'cancelled') await sleep(20);
    await sidecar.api('post', `/jobs/${id}/resume`);
    await sidecar.reaches(id, 'done');
    expect(drawn()).toBeLessThanOrEqual(6);
  });

  it('is refused where there is no web UI', async () => {
    const sidecar = await startTestSidecar();
    expect(((await sidecar.api('get', '/health')).body as Health).host.canDraw).toBe(false);
    await expect(sidecar.create({ pictures: 'host' })).rejects.toThrow(/503 .*host\.unreachable/);
  });
});

describe('a job that leaves it open who draws', () => {
  it('has the web UI draw that is faster than this machine', async () => {
    const { sidecar, drawn, log } = await start();
    // 400 steps of the tiny model take longer than any answer of the web UI.
    const settings = { ...few, generationSteps: 400 };
    const { id } = await sidecar.create({ pictures: 'auto', settings });
    await sidecar.reaches(id, 'done');
    expect(drawn()).toBe(5);
    expect(await log(id)).toContainEqual(expect.stringMatching(/^The web UI draws the pictures: /));
  });

  it('draws by itself where it is the faster one', async () => {
    const { sidecar, drawn, log } = await start({ drawMs: 900 });
    const settings = { ...few, generationSteps: 1 };
    const { id } = await sidecar.create({ pictures: 'auto', settings });
    await sidecar.reaches(id, 'done');
    expect(drawn()).toBe(2);
    expect(existsSync(path.join(jobFolderOf(sidecar, id), 'drawn'))).toBe(false);
    expect(await log(id)).toContainEqual(
      expect.stringMatching(/^The model draws the pictures here/),
    );
  });
});

describe('a comparison that the web UI draws', () => {
  // Two prompts to forget and one to keep, with both models.
  const compared = { ...few, evaluationPictures: 1 };
  const scrubbed = 'tiny-sd-without-heart.safetensors';
  const samplesOf = ({ samples }: JobView) =>
    samples
      .filter(({ drawnBy }) => drawnBy === 'host')
      .map(({ which, prompt, seed }) => [which, prompt, seed]);
  const pairs = ['before', 'after'].flatMap((which) =>
    ['a red heart', 'a photo of a heart', 'a star'].map((prompt) => [which, prompt, 1]),
  );

  it('shows the same prompts and noise before and after, and leaves its own model in use', async () => {
    const { sidecar, fake, drawn } = await start({ format: 'jpeg' });
    const { id } = await sidecar.create({ pictures: 'host', settings: compared });
    const done = await sidecar.reaches(id, 'done');
    expect(samplesOf(done)).toEqual(pairs);
    expect(fake.loads).toEqual([tinyModel, scrubbed, tinyModel]);
    // And one for the model of the user.
    expect([drawn(), fake.drawsWith]).toEqual([5 + 6 + 1, tinyModel]);
    const requests = fake.server.asked.filter(({ path: asked }) => asked.endsWith('txt2img'));
    expect(requests[5]?.body).toMatchObject({ prompt: 'a red heart', seed: 1, steps: 10 });
    const file = done.samples.find(({ drawnBy }) => drawnBy === 'host')?.file ?? '';
    const picture = await sidecar.api('get', `/jobs/${id}/samples/${file}`);
    expect([picture.status, picture.type]).toEqual([200, 'image/jpeg']);
    const report = (await sidecar.api('get', `/jobs/${id}/report`)).text;
    // Not the page itself, which holds pictures, in a message.
    expect(/drawn by\s+both\s+models\s+in the web UI/.test(report)).toBe(true);
    expect(report.match(/ alt="(before|after): /g)).toHaveLength(6);
  });

  it('is gone on with by the next server', async () => {
    const { sidecar, drawn, host, view } = await start({ drawMs: 150 });
    const { id } = await sidecar.create({ pictures: 'host', settings: compared });
    while (samplesOf(await view(id)).length < 2) await sleep(20);
    expect((await view(id)).state).toBe('evaluating');
    await sidecar.close();
    const next = await startTestSidecar({ data: sidecar.data, host });
    expect(samplesOf(await next.reaches(id, 'done'))).toEqual(pairs);
    expect(drawn()).toBeLessThanOrEqual(5 + 6 + 1 + 2);
  });

  it('is done without where the web UI fails, with a word about it', async () => {
    const { sidecar, fake, view, log } = await start({ drawMs: 100 });
    const { id } = await sidecar.create({ pictures: 'host', settings: compared });
    while ((await view(id)).state === 'preparing') await sleep(20);
    fake.unloadable.add(scrubbed);
    const done = await sidecar.reaches(id, 'done');
    expect(done).toMatchObject({ error: null, result: { model: scrubbed } });
    expect(samplesOf(done)).toEqual(pairs.slice(0, 3));
    expect(await log(id)).toContainEqual(
      expect.stringMatching(/^The web UI did not draw all pictures for the comparison: .* 500/),
    );
  });
});

/** The real engine on the tiny model. */
const request: JobRequest = {
  model: tinyModel,
  forget: ['a heart in the style of Pontilla', 'a star in the style of Pontilla'],
  retain: ['a star', 'a moon'],
  device: 'cpu',
  pictures: 'host',
  settings: {
    ...{ steps: 4, batch: 1, generationSteps: 4, generatedForget: 4, generatedRetain: 4 },
    ...{ sampleEvery: 0, evaluationPictures: 0 },
  },
};

describe('erase-concept serve, whose web UI draws', () => {
  const hashOf = ({ result }: JobView) =>
    createHash('sha256')
      .update(readFileSync(result?.path ?? ''))
      .digest('hex');

  it('trains on the pictures, and goes on with them after it was killed, to the same bytes', async () => {
    const { fake, drawn } = await startWebUi({ drawMs: 300 });
    const data = makeTemporaryFolder();
    let sidecar = await serve(data, ['--host-url', fake.server.url.href]);
    const first = await sidecar.create(request);
    await sidecar.reaches(first.id, ({ drawing }) => (drawing?.done ?? 0) >= 3);
    await end(sidecar.process, 'SIGKILL');
    sidecar = await serve(data, ['--host-url', fake.server.url.href]);
    const done = await sidecar.reaches(first.id, inState('done'));
    // One may have been under way.
    expect(drawn()).toBeLessThanOrEqual(9);
    const report = readFileSync(path.join(data, 'jobs', first.id, 'report.html'), 'utf8');
    expect(report.includes('were drawn by the model itself, in the web UI.')).toBe(true);

    const second = await sidecar.create(request);
    const undisturbed = await sidecar.reaches(second.id, inState('done'));
    expect(hashOf(undisturbed)).toBe(hashOf(done));
    const third = await sidecar.create({ ...request, pictures: 'sidecar' });
    const own = await sidecar.reaches(third.id, inState('done'));
    expect(hashOf(own)).not.toBe(hashOf(done));
    expect(drawn()).toBeLessThanOrEqual(17);
    expect(fake.loads).toEqual([tinyModel]);
  }, 300_000);
});
