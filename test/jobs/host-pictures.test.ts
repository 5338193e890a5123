import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import type { EraseEvent } from '../../src/erase/events.ts';
import type { EraseJob } from '../../src/erase/job.ts';
import { picturesOfSet } from '../../src/erase/set-pictures.ts';
import { AppError } from '../../src/errors.ts';
import { A1111Host } from '../../src/hosts/a1111/a1111-host.ts';
import { ComfyUiHost } from '../../src/hosts/comfyui/comfyui-host.ts';
import { GraphicsMemory } from '../../src/hosts/graphics-memory.ts';
import { HostJournal } from '../../src/hosts/host-journal.ts';
import { ModelInUse } from '../../src/hosts/model-in-use.ts';
import type { Host } from '../../src/hosts/host.ts';
import { HostClient } from '../../src/hosts/host-client.ts';
import { StandaloneHost } from '../../src/hosts/standalone.ts';
import { HostPictures } from '../../src/jobs/host-drawn/host-pictures.ts';
import type { PicturesBy, PicturesWish } from '../../src/contract/pictures-wish.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { FakeComfyUi } from '../helpers/fake-comfyui.ts';
import { writeModel } from '../helpers/model-files.ts';
import { paintPicture } from '../helpers/paint-picture.ts';
import { quickTimeouts } from '../helpers/quick-timeouts.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { exampleJob } from './example-job.ts';

const original = 'original.safetensors';
const another = 'another.safetensors';
const TOTAL = 5;
/** A busy machine takes its time for a picture, be it a painted one. */
const timeouts = { ...quickTimeouts, workMs: 5000 };

function makeModels(): string {
  const models = path.join(makeTemporaryFolder(), 'models');
  mkdirSync(models);
  for (const name of [original, another]) writeModel(models, name);
  return models;
}

function jobOf(models: string, change: Partial<EraseJob> = {}): EraseJob {
  return {
    ...exampleJob,
    id: 'example',
    model: { path: path.join(models, original), sha256: '' },
    forget: ['a red heart', 'a heart'].map((prompt) => ({ prompt, anchor: 'a picture' })),
    retain: ['a star'],
    settings: Object.assign({}, exampleJob.settings, {
      ...{ generatedForget: 3, generatedRetain: 2, width: 64, height: 64 },
    }),
    ...change,
  };
}

/** A job's drawing, to be done as often as one likes. */
function drawingWith(host: Host, job: EraseJob, { here = 1000 }: { here?: number | Error } = {}) {
  const folder = makeTemporaryFolder();
  const events: EraseEvent[] = [];
  const estimates: EraseJob[] = [];
  const journal = new HostJournal(makeTemporaryFolder());
  const memory = new GraphicsMemory(host, journal, timeouts);
  const model = new ModelInUse({ host, journal, memory, timeouts });
  let decided: PicturesBy | null = null;
  const draw = (wish: PicturesWish, signal = new AbortController().signal) =>
    new HostPictures({
      ...{ host, model, memory, timeouts },
      secondsHere: (asked) => {
        estimates.push(asked);
        return here instanceof Error ? Promise.reject(here) : Promise.resolve(here);
      },
    }).draw({
      ...{ job, folder, wish, decided, signal },
      onDecided: (by) => {
        decided = by;
        return Promise.resolve();
      },
      onEvent: (event) => void events.push(event),
    });
  const read = (...names: string[]) => readFileSync(path.join(folder, 'drawn', ...names));
  return {
    ...{ folder, events, estimates, memory, draw, read },
    decided: () => decided,
    list: (name = 'drawn') =>
      existsSync(path.join(folder, name))
        ? readdirSync(path.join(folder, name), { recursive: true, encoding: 'utf8' }).sort()
        : null,
    messages: () => events.flatMap((event) => ('message' in event ? [event.message] : [])),
  };
}

async function start(
  options: ConstructorParameters<typeof FakeA1111>[1] & {
    readonly active?: string;
    readonly here?: number | Error;
    readonly change?: Partial<EraseJob>;
  } = {},
) {
  const { active = original, here, change, ...fakeOptions } = options;
  const models = makeModels();
  const fake = await new FakeA1111(models, fakeOptions).start(active);
  const host = new A1111Host(new HostClient({ url: fake.server.url, credentials: null }, timeouts));
  const job = jobOf(models, change);
  const drawn = () => fake.server.count('POST', '/sdapi/v1/txt2img');
  return { ...drawingWith(host, job, here === undefined ? {} : { here }), fake, job, host, drawn };
}

const whole = [
  ...['forget', 'forget/0001.png', 'forget/0001.txt', 'forget/0002.png', 'forget/0002.txt'],
  ...['forget/0003.png', 'forget/0003.txt'],
  ...['retain', 'retain/0001.png', 'retain/0001.txt', 'retain/0002.png', 'retain/0002.txt'],
];

describe('the pictures that a web UI draws for a job', () => {
  it('are those that the model would draw by itself, with their captions', async () => {
    const { draw, list, read, events, job, fake, drawn } = await start({ active: another });
    await draw('host');
    expect(list()).toEqual(whole);
    expect(list('drawn.part')).toBeNull();
    for (const role of ['forget', 'retain'] as const) {
      for (const [i, { prompt, seed }] of picturesOfSet(job, role).entries()) {
        expect(read(role, `000${i + 1}.txt`).toString()).toBe(prompt);
        const painted = await paintPicture({ prompt, seed, size: 64 });
        expect(read(role, `000${i + 1}.png`)).toEqual(painted);
      }
    }
    const { drawCfg: cfg_scale, drawSteps: steps } = job.settings;
    const [first] = fake.server.asked.filter(({ path: asked }) => asked.endsWith('txt2img'));
    expect(first?.body).toMatchObject({ steps, cfg_scale, width: 64, height: 64 });
    expect(events.map((event) => (event.event === 'drawing' ? event.done : event.event))).toEqual([
      ...['phase', 1, 2, 3, 4, TOTAL],
    ]);
    // And one that brings the user's own model back.
    expect([drawn(), fake.drawsWith]).toEqual([TOTAL + 1, another]);
    expect(fake.loads).toEqual([another, original, another]);
    await draw('host');
    expect(drawn()).toBe(TOTAL + 1);
  });

  it('are those of the set that none were given for', async () => {
    const { draw, list } = await start({ change: { forgetImages: '/given' } });
    await draw('host');
    expect(list()).toEqual(whole.filter((name) => name.startsWith('retain')));
  });

  it('are none where pictures were given for both', async () => {
    const { draw, drawn, list } = await start({
      change: { forgetImages: '/given', retainImages: '/given' },
    });
    await draw('host');
    expect([drawn(), list()]).toEqual([0, null]);
  });

  it.each(['png', 'jpeg', 'webp'] as const)('are none that are black, in %s', async (format) => {
    const { draw, list, fake, messages, decided } = await start({ format });
    fake.drawsBlack = true;
    await expect(draw('host')).rejects.toMatchObject({
      code: 'host.failed',
      message: expect.stringMatching(/black picture with "original.*--no-half-vae/) as string,
    });
    expect(list()).toBeNull();
    await draw('auto');
    expect(decided()).toBe('sidecar');
    expect(messages().at(-1)).toMatch(/does not draw the pictures.*black/);
  });

  it('come from ComfyUI too, and leave its history as it was', async () => {
    const models = makeModels();
    const fake = await new FakeComfyUi([models]).start();
    const client = new HostClient({ url: fake.server.url, credentials: null }, timeouts);
    const host = new ComfyUiHost(client, makeTemporaryFolder());
    const { draw, list } = drawingWith(host, jobOf(models));
    await draw('host');
    expect(list()).toEqual(whole);
    expect(fake.drawnWith).toEqual(Array.from({ length: TOTAL }, () => original));
    expect(fake.history.size).toBe(0);
  });

  it('are gone on with where a killed server was, half a picture as none', async () => {
    const { draw, list, folder, drawn, fake } = await start();
    await draw('host');
    const part = path.join(folder, 'drawn.part');
    const first = readFileSync(path.join(folder, 'drawn', 'forget', '0001.png'));
    mkdirSync(path.join(part, 'forget'), { recursive: true });
    writeFileSync(path.join(part, 'forget', '0001.txt'), 'a red heart');
    writeFileSync(path.join(part, 'forget', '0001.png'), first);
    writeFileSync(path.join(part, 'forget', '0002.txt'), 'a heart');
    writeFileSync(path.join(part, 'forget', '0002.png.b8a9.12.part'), first.subarray(0, 20));
    rmSync(path.join(folder, 'drawn'), { recursive: true });
    const before = drawn();
    await draw('host');
    expect(drawn() - before).toBe(TOTAL - 1);
    expect(list()).toEqual(whole);
    expect(fake.loads).toEqual([original]);
  });

  it.each([
    ['down', 'host.unreachable', /cannot be reached/],
    ['failing', 'host.failed', /with 500: out of memory/],
  ])('stop with a host that is %s, and go on from there', async (what, code, message) => {
    const { draw, drawn, events, fake, list } = await start({ drawMs: 50 });
    const drawing = draw('host');
    while (!events.some((event) => event.event === 'drawing' && event.done === 2)) await sleep(5);
    if (what === 'down') fake.server.down();
    else {
      const body = { errors: 'out of memory' };
      fake.server.faults.set('POST /sdapi/v1/txt2img', { status: 500, body });
    }
    await expect(drawing).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
    expect(list()).toBeNull();
    if (what === 'down') await fake.server.up();
    fake.server.faults.clear();
    const before = drawn();
    await draw('host');
    expect(list()).toEqual(whole);
    expect(drawn() - before).toBeLessThanOrEqual(TOTAL - 2);
  });

  it('cannot be had of a model that the host does not have', async () => {
    const { draw, drawn } = await start({ change: { model: { path: '/else', sha256: '' } } });
    await expect(draw('host')).rejects.toMatchObject({ code: 'model.not-found' });
    expect(drawn()).toBe(0);
  });

  it('wait until the host has drawn what others want, and say so', async () => {
    const { draw, messages, drawn, fake, list } = await start();
    const others = fake.draw(sleep(300));
    const drawing = draw('host');
    await sleep(150);
    expect(drawn()).toBe(0);
    await others;
    await drawing;
    expect(list()).toEqual(whole);
    expect(messages()).toEqual([expect.stringMatching(/those of this job come when it has/)]);
  });

  it('are not waited for by a job that is cancelled', async () => {
    const { draw, events, drawn, list } = await start({ drawMs: 200 });
    const cancel = new AbortController();
    const drawing = draw('host', cancel.signal);
    while (!events.some(({ event }) => event === 'drawing')) await sleep(5);
    cancel.abort(new Error('cancelled'));
    await expect(drawing).rejects.toThrow('cancelled');
    expect(drawn()).toBeLessThan(TOTAL);
    expect([list(), list('drawn.part')?.length]).toEqual([null, 4]);
  });

  it('keep a training from taking the memory that they need', async () => {
    const { draw, events, memory, fake, list } = await start({ drawMs: 50 });
    const drawing = draw('host');
    while (!events.some(({ event }) => event === 'drawing')) await sleep(5);
    const signal = new AbortController().signal;
    const borrowing = memory.borrow({ signal, tell: () => undefined });
    await drawing;
    expect(list()).toEqual(whole);
    const giveBack = await borrowing;
    expect(fake.isInGraphicsMemory).toBe(false);
    await giveBack();
  });

  it('take the memory back that a training has borrowed, if the host was chosen', async () => {
    const { draw, memory, list } = await start();
    await memory.borrow({ signal: new AbortController().signal, tell: () => undefined });
    await draw('host');
    expect(list()).toEqual(whole);
  });

  it('cannot be had without a host', async () => {
    const host = new StandaloneHost([], makeTemporaryFolder());
    const { draw, events } = drawingWith(host, jobOf(makeModels()));
    await draw('auto');
    await draw('sidecar');
    expect(events).toEqual([]);
    await expect(draw('host')).rejects.toThrow(/no web UI that could draw/);
  });
});

describe('who draws, where it is left open', () => {
  it('is the host, if it is the faster one', async () => {
    const { draw, list, decided, messages, estimates, job } = await start({ here: 10 });
    await draw('auto');
    expect([list(), decided()]).toEqual([whole, 'host']);
    expect(messages()).toEqual([
      expect.stringMatching(/^The web UI draws the pictures: [\d.]+ s each, here .* about 10 s/),
    ]);
    expect(estimates).toEqual([job]);
  });

  it('is the model itself, if two pictures of the host took longer', async () => {
    const { draw, list, decided, messages, drawn } = await start({ here: 0.05, drawMs: 100 });
    await draw('auto');
    expect([drawn(), decided()]).toEqual([2, 'sidecar']);
    expect([list(), list('drawn.part')]).toEqual([null, null]);
    expect(messages()).toEqual([
      expect.stringMatching(/^The model draws the pictures here: about/),
    ]);
    await draw('auto');
    expect(drawn()).toBe(2);
  });

  it('is the host, if only its first picture took longer, for which it loads the model', async () => {
    const { draw, list, decided } = await start({ active: another, loadMs: 1500, here: 1 });
    await draw('auto');
    expect([list(), decided()]).toEqual([whole, 'host']);
  });

  it('is the host, if the device here takes too long to be tried', async () => {
    const here = new AppError('device.crashed', 'estimating took more than 120 s.');
    const { draw, list, decided, messages } = await start({ here });
    await draw('auto');
    expect([list(), decided()]).toEqual([whole, 'host']);
    expect(messages()).toEqual(['The web UI draws the pictures: estimating took more than 120 s.']);
  });

  it('is not asked again of a job that goes on', async () => {
    const { draw, estimates, events, list } = await start({ drawMs: 100, here: 10 });
    const cancel = new AbortController();
    const drawing = draw('auto', cancel.signal);
    while (!events.some((event) => event.event === 'drawing' && event.done === 2)) await sleep(5);
    cancel.abort(new Error('cancelled'));
    await expect(drawing).rejects.toThrow('cancelled');
    await draw('auto');
    expect([list(), estimates.length]).toEqual([whole, 1]);
  });

  it.each(['down', 'failing', 'interrupted', 'busy', 'lent to a training'])(
    'is the model itself, if the host is %s',
    async (what) => {
      const { draw, decided, fake, memory, messages, list } = await start();
      const end = new AbortController();
      const signal = end.signal;
      if (what === 'down') fake.server.down();
      if (what === 'failing') {
        fake.server.faults.set('POST /sdapi/v1/txt2img', { status: 500, body: { errors: 'NaN' } });
      }
      if (what === 'interrupted') fake.isInterrupted = true;
      if (what === 'busy')
        void fake.draw(sleep(1000, undefined, { signal }).catch(() => undefined));
      if (what === 'lent to a training') await memory.borrow({ signal, tell: () => undefined });
      await draw('auto');
      end.abort();
      expect([decided(), list(), list('drawn.part')]).toEqual(['sidecar', null, null]);
      const told = messages();
      expect(told).toContainEqual(
        expect.stringMatching(/^The web UI does not draw the pictures, the model does it here: ./),
      );
      if (what === 'lent to a training') expect(fake.isInGraphicsMemory).toBe(false);
    },
  );
});
