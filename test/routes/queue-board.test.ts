import { describe, expect, it } from 'vitest';

import { hasRedis, startRedis } from '../helpers/redis-server.ts';
import { bearer, startTestSidecar } from '../helpers/sidecar.ts';
import { makeFleet, startServer } from '../jobs/shared/shared-jobs.ts';

it('there is no board of queues where there is no queue of many machines', async () => {
  const sidecar = await startTestSidecar();
  expect((await fetch(`${sidecar.url}/queues`, { headers: bearer })).status).toBe(404);
});

describe.runIf(hasRedis)('the board of queues', () => {
  it('shows what waits to who knows the token, and lets nobody change it', async () => {
    const fleet = makeFleet(await startRedis());
    const server = await startServer(fleet);
    const ask = (path: string, init?: RequestInit) => fetch(`${server.url}/queues${path}`, init);
    for (const path of ['', '/', '/api/queues', '/static/x.js']) {
      expect((await ask(path)).status).toBe(401);
    }
    const { id } = await server.create({});
    const page = await ask('/', { headers: bearer });
    expect(page.status).toBe(200);
    const html = await page.text();
    expect(html).toContain('<base href="/queues/" />');
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/script-src 'self';.*base-uri 'self'/);
    for (const [, file = ''] of html.matchAll(/(?:src|href)="(static[^"]+)"/g)) {
      expect((await ask(`/${file}`, { headers: bearer })).status, file).toBe(200);
    }
    const read = async () => {
      const answer = await ask('/api/queues', { headers: bearer });
      return ((await answer.json()) as { queues: BoardQueue[] }).queues;
    };
    const [queue, ...others] = await read();
    expect(others).toEqual([]);
    expect(queue).toMatchObject({ readOnlyMode: true, counts: { waiting: 1 } });
    const clean = `/api/queues/${queue!.name}/clean/wait`;
    expect((await ask(clean, { method: 'PUT', headers: bearer })).status).toBe(404);
    const other = await server.create({ forget: ['a moon'] });
    expect((await read())[0]!.counts.waiting).toBe(2);
    for (const one of [id, other.id]) await server.api('post', `/jobs/${one}/cancel`);
    expect(await read()).toEqual([]);
  });
});

interface BoardQueue {
  readonly name: string;
  readonly counts: { readonly waiting: number };
}
