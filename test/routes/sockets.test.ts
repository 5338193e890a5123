import { io, type Socket } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';

import type { JobHistory, JobSummary, JobView } from '../../src/contract/job-views.ts';
import type {
  ClientToServerEvents,
  ServerToClientEvents,
} from '../../src/contract/socket-events.ts';
import type { ErrorBody } from '../../src/contract/views.ts';
import { startTestSidecar, type TestSidecar, token } from '../helpers/sidecar.ts';

type Client = Socket<ServerToClientEvents, ClientToServerEvents>;

function connect(
  { url }: TestSidecar,
  options: { auth?: object; extraHeaders?: Record<string, string>; transports?: string[] } = {},
): Client {
  const socket: Client = io(url, {
    auth: { token },
    forceNew: true,
    reconnection: false,
    transports: ['websocket'],
    ...options,
  });
  onTestFinished(() => void socket.close());
  return socket;
}

function opened(socket: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
}

function watch(
  socket: Client,
  request: { id: string; afterStep?: number },
): Promise<{ job: JobView; history: JobHistory }> {
  return new Promise((resolve, reject) => {
    socket.emit(
      'job:watch',
      request,
      (reply: { job: JobView; history: JobHistory } | ErrorBody) => {
        if ('error' in reply) reject(new Error(`${reply.error.code}: ${reply.error.message}`));
        else resolve(reply);
      },
    );
  });
}

/** Watches a job to its end; gives all its steps as they came, those of the answer first. */
async function stepsOf(socket: Client, request: { id: string; afterStep?: number }) {
  const live: number[] = [];
  socket.on('job:progress', ({ id, step }) => {
    if (id === request.id) live.push(step);
  });
  const done = new Promise<JobView>((resolve) => {
    socket.on('job:state', (job) => {
      if (job.id === request.id && job.state === 'done') resolve(job);
    });
  });
  const { job, history } = await watch(socket, request);
  if (job.state !== 'done') await done;
  // What was sent before the state has come before it; what waited comes within a moment.
  await new Promise((resolve) => setTimeout(resolve, 200));
  return [...history.progress.map(({ step }) => step), ...live];
}

const upTo = (last: number, first = 1) =>
  Array.from({ length: last - first + 1 }, (_, i) => i + first);

describe('a socket', () => {
  it.each(['websocket', 'polling'])(
    'over %s is told the list of jobs at once',
    async (transport) => {
      const sidecar = await startTestSidecar();
      const socket = connect(sidecar, { transports: [transport] });
      const list = await new Promise<readonly JobSummary[]>((resolve) =>
        socket.once('jobs:list', resolve),
      );
      expect(list).toEqual([]);
    },
  );

  it('that watches a job is told its place in the queue, and others in their lists', async () => {
    const sidecar = await startTestSidecar();
    const slow = { forget: ['a heart slowly'], settings: { steps: 50 } };
    await sidecar.create(slow);
    const [next, last] = [await sidecar.create(slow), await sidecar.create(slow)];
    const [watcher, other] = [connect(sidecar), connect(sidecar)];
    const states: [Client, string][] = [];
    for (const one of [watcher, other]) one.on('job:state', ({ id }) => states.push([one, id]));
    const placeOf = (list: readonly JobSummary[]) =>
      list.find(({ id }) => id === last.id)?.queuePosition;
    const inList = new Promise<void>((resolve) => {
      other.on('jobs:list', (list) => {
        if (placeOf(list) === 0) resolve();
      });
    });
    // The first one waits for nobody.
    expect((await watch(watcher, { id: last.id })).job.queuePosition).toBe(1);
    const told = new Promise<void>((resolve) => {
      watcher.on('job:state', ({ id, queuePosition }) => {
        if (id === last.id && queuePosition === 0) resolve();
      });
    });
    await sidecar.api('post', `/jobs/${next.id}/cancel`);
    await Promise.all([told, inList]);
    const ofLast = states.filter(([, id]) => id === last.id);
    expect(ofLast.map(([one]) => one)).not.toContain(other);
  });

  it.each([{}, { token: 'wrong' }, { token: [token] }, { token: { length: 3 } }])(
    'with %j for its token is refused',
    async (auth) => {
      const socket = connect(await startTestSidecar(), { auth });
      await expect(opened(socket)).rejects.toMatchObject({ data: { code: 'access.no-token' } });
    },
  );

  it.each([{ Origin: 'http://evil.example' }, { Origin: 'null' }, { Host: 'evil.example' }])(
    'of a foreign page or under a foreign name is refused: %j',
    async (extraHeaders) => {
      const socket = connect(await startTestSidecar(), { extraHeaders });
      await expect(opened(socket)).rejects.toMatchObject({
        description: { message: 'Unexpected server response: 400' },
      });
    },
  );

  it('that watches nothing is told by the list how far a job is', async () => {
    const sidecar = await startTestSidecar();
    const socket = connect(sidecar);
    const steps: number[] = [];
    const told = new Promise<void>((resolve) => {
      socket.on('jobs:list', ([job]) => {
        if (job?.state === 'training') steps.push(job.step);
        if (new Set(steps).size === 3) resolve();
      });
    });
    await opened(socket);
    const { id } = await sidecar.create({ forget: ['a heart slowly'], settings: { steps: 500 } });
    await told;
    await sidecar.api('post', `/jobs/${id}/cancel`);
  });

  it('that watches gets every step once and in order, from wherever it begins', async () => {
    const sidecar = await startTestSidecar();
    const { id } = await sidecar.create({ settings: { steps: 60 } });
    const early = connect(sidecar);
    const early$ = stepsOf(early, { id });
    await sidecar.reaches(id, 'training');
    await new Promise((resolve) => setTimeout(resolve, 400));
    const late = await stepsOf(connect(sidecar), { id });
    expect(late).toEqual(upTo(60));
    expect(await early$).toEqual(upTo(60));
    const after = await stepsOf(connect(sidecar), { id, afterStep: 55 });
    expect(after).toEqual(upTo(60, 56));
  });

  it('that drops and comes again misses nothing', async () => {
    const sidecar = await startTestSidecar();
    const { id } = await sidecar.create({ settings: { steps: 60 } });
    await sidecar.reaches(id, 'training');
    const first = connect(sidecar);
    const before: number[] = [];
    first.on('job:progress', ({ step }) => before.push(step));
    const { history } = await watch(first, { id });
    before.push(...history.progress.map(({ step }) => step));
    before.sort((a, b) => a - b);
    while (before.length < 20) await new Promise((resolve) => setTimeout(resolve, 20));
    // As a cable that is pulled: without a goodbye.
    first.io.engine.close();
    const last = Math.max(...before);
    const steps = await stepsOf(connect(sidecar), { id, afterStep: last });
    expect([...new Set(before), ...steps].sort((a, b) => a - b)).toEqual(upTo(60));
    expect(steps).toEqual(upTo(60, last + 1));
  });

  it('that does not read holds nobody up, and gets all of it once it reads', async () => {
    const sidecar = await startTestSidecar();
    const steps = 200;
    const { id } = await sidecar.create({ settings: { steps } });
    const slow = connect(sidecar);
    await opened(slow);
    const slow$ = stepsOf(slow, { id });
    await sidecar.reaches(id, 'training');
    const raw = (
      slow.io.engine.transport as unknown as { ws: { _socket: { pause(): void; resume(): void } } }
    ).ws._socket;
    raw.pause();
    expect(await stepsOf(connect(sidecar), { id })).toEqual(upTo(steps));
    raw.resume();
    expect(await slow$).toEqual(upTo(steps));
  });

  it('sees the steps that a resumed run does again only once', async () => {
    const sidecar = await startTestSidecar();
    const { id } = await sidecar.create({ forget: ['a heart, kill'], settings: { steps: 12 } });
    const failed = await sidecar.reaches(id, 'failed');
    expect(failed).toMatchObject({
      canResume: true,
      error: { code: 'device.out-of-memory', message: expect.stringMatching(/memory/) as string },
    });
    const socket = connect(sidecar);
    const steps$ = stepsOf(socket, { id });
    await sidecar.api('post', `/jobs/${id}/resume`);
    expect(await steps$).toEqual(upTo(12));
    const { body } = (await sidecar.api('get', `/jobs/${id}/metrics`)) as { body: unknown };
    expect((body as JobHistory).progress.map(({ step }) => step)).toEqual(upTo(12));
  });

  it('that says something else is answered or ignored, and stays', async () => {
    const sidecar = await startTestSidecar();
    const socket = connect(sidecar);
    await opened(socket);
    const say = socket as unknown as Socket;
    for (const nonsense of [null, 1, 'x', [], {}, { id: 7 }, { id: 'x'.repeat(1000) }]) {
      say.emit('job:watch', nonsense);
      say.emit('job:watch', nonsense, 'no function');
      say.emit('job:unwatch', nonsense);
      say.emit('__proto__', nonsense);
    }
    await expect(watch(socket, { id: 'nothing' })).rejects.toThrow('job.not-found');
    await expect(watch(socket, { id: '../..' })).rejects.toThrow('job.not-found');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const many = await Promise.allSettled(upTo(100).map(() => watch(socket, { id: 'nothing' })));
    const reasons = many.map((reply) => String((reply as PromiseRejectedResult).reason));
    // Two seconds let forty through.
    const refused = reasons.filter((reason) => reason.includes('request.too-many'));
    expect(refused.length).toBeGreaterThan(0);
    expect(socket.connected).toBe(true);
  });

  it('that sends more than anyone has to say is closed', async () => {
    const sidecar = await startTestSidecar();
    const socket = connect(sidecar);
    await opened(socket);
    const closed = new Promise((resolve) => socket.once('disconnect', resolve));
    (socket as unknown as Socket).emit('job:watch', { id: 'x'.repeat(100_000) });
    await closed;
  });
});
