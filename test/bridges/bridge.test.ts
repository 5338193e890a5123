import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { JobSummary, JobView } from '../../src/contract/job-views.ts';
import { whenEnded } from '../helpers/web-ui-process.ts';
import { ask, type HostKind, startHost, TestHost } from './host.ts';
import { describeWithPython } from './python.ts';

const PAGE = '/erase-concept/';

/** A job of the tiny model that would take a while. */
const request = {
  model: 'tiny-sd.safetensors',
  forget: ['a red heart'],
  retain: ['a star'],
  device: 'cpu',
  settings: { steps: 1000 },
};

/** A picture of one pixel. */
const picture = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

function connect(host: TestHost, transport: 'polling' | 'websocket', headers = {}) {
  return io(host.url.origin, {
    path: `${PAGE}socket.io`,
    transports: [transport],
    reconnection: false,
    forceNew: true,
    extraHeaders: headers,
  });
}

describeWithPython.each<HostKind>(['a1111', 'comfyui'])('the bridge in %s', (kind) => {
  describe('forwards', () => {
    let host: TestHost;

    beforeAll(async () => {
      host = await TestHost.start(kind, { env: { ERASE_CONCEPT_HOST_NAMES: 'pictures.example' } });
      await host.whenReady();
      await host.reaches('running');
    }, 60_000);
    afterAll(() => host.remove());

    it('the page and all that it asks for', async () => {
      const page = await host.fetch('');
      expect(page.status).toBe(200);
      const html = await page.text();
      expect(html).toContain('<title>Erase Concept</title>');
      const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
      expect(files.length).toBeGreaterThan(2);
      for (const file of files) {
        const { status, headers } = await host.fetch(file);
        expect([file, status]).toEqual([file, 200]);
        const unchanged = { 'If-None-Match': headers.get('etag') ?? '' };
        expect((await host.fetch(file, { headers: unchanged })).status).toBe(304);
      }
    });

    it('the page under its address without the slash too', async () => {
      const { status, headers } = await ask(new URL('/erase-concept', host.url));
      expect([status, headers.location]).toEqual([307, 'erase-concept/']);
    });

    it('the health, and what needs the token, which the browser does not get', async () => {
      expect(await (await host.fetch('api/health')).json()).toMatchObject({ status: 'ok' });
      const jobs = await host.fetch('api/jobs');
      expect([jobs.status, await jobs.json()]).toEqual([200, []]);
      expect(jobs.headers.getSetCookie()).toEqual([]);
      const { log } = await host.reaches('running');
      expect(log.join('\n')).not.toContain('token=');
      expect(host.output).not.toContain('token=');
    });

    it('who asks: folders open only for who sits at the machine', async () => {
      const ask = (headers = {}) =>
        host.fetch('api/jobs/none/open-folder', { method: 'POST', headers });
      expect((await ask({ 'X-Forwarded-For': '192.168.1.7' })).status).toBe(403);
      // It gets as far as looking for the job.
      expect((await ask()).status).toBe(404);
    });

    it('errors as they are', async () => {
      const answer = await host.fetch('api/jobs/nowhere');
      expect([answer.status, await answer.json()]).toEqual([
        404,
        { error: expect.objectContaining({ code: 'job.not-found' }) as unknown },
      ]);
    });

    it('paths as they were written', async () => {
      const { body } = await ask(new URL(`${PAGE}api/presets/a%2Fb%20c`, host.url), {
        method: 'DELETE',
      });
      expect(body).toContain('a/b c');
    });

    it.each(['polling', 'websocket'] as const)('events by %s', async (transport) => {
      const socket = connect(host, transport);
      const lists: JobSummary[][] = [];
      socket.on('jobs:list', (list: JobSummary[]) => lists.push(list));
      await expect.poll(() => lists.length, { timeout: 10_000 }).toBeGreaterThan(0);

      const form = new FormData();
      form.append('job', JSON.stringify(request));
      form.append('forgetImages', new File([picture], 'a.png', { type: 'image/png' }));
      const answer = await host.fetch('api/jobs', { method: 'POST', body: form });
      expect(answer.status).toBe(202);
      const { id } = (await answer.json()) as JobView;
      await expect
        .poll(() => lists.at(-1)?.map((job) => job.id), { timeout: 10_000 })
        .toContain(id);
      // What the browser sends goes through as well.
      const { job } = (await socket.emitWithAck('job:watch', { id })) as { job: JobView };
      expect(job.id).toBe(id);

      expect((await host.fetch(`api/jobs/${id}/cancel`, { method: 'POST' })).status).toBe(200);
      socket.disconnect();
    });

    it.each([
      ['an origin of another site', { Origin: 'http://evil.example' }],
      ['an origin of another port', { Origin: 'http://127.0.0.1:1' }],
      ['another site', { 'Sec-Fetch-Site': 'cross-site' }],
      ['a page of another port', { 'Sec-Fetch-Site': 'same-site' }],
      ['a name that is not known', { Host: 'rebound.example' }],
      [
        'a name that is not known with its own origin',
        { Host: 'rebound.example', Origin: 'http://rebound.example' },
      ],
    ])('nothing for %s', async (_, headers: Record<string, string>) => {
      for (const path of ['', 'api/health', 'api/jobs', 'bridge/status']) {
        const { status } = await ask(new URL(`${PAGE}${path}`, host.url), { headers });
        expect([path, status]).toEqual([path, 403]);
      }
      const restart = new URL(`${PAGE}bridge/restart`, host.url);
      expect((await ask(restart, { method: 'POST', headers })).status).toBe(403);
      const socket = connect(host, 'websocket', headers);
      const refusal = new Promise((resolve) => socket.once('connect_error', resolve));
      expect(await refusal).toBeInstanceOf(Error);
    });

    it.each<readonly [string, Record<string, string>]>([
      ['under its own origin', { Origin: 'OWN', 'Sec-Fetch-Site': 'same-origin' }],
      ['from the address bar', { 'Sec-Fetch-Site': 'none' }],
      ['under a name of the local network', { Host: 'my-machine:7860' }],
      ['under its address in the local network', { Host: '192.168.1.5:7860' }],
    ])('for who asks %s', async (_, headers) => {
      const own = Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [
          name,
          value === 'OWN' ? host.url.origin : value,
        ]),
      );
      const { status } = await ask(new URL(`${PAGE}api/jobs`, host.url), { headers: own });
      expect(status).toBe(200);
    });

    it('for who asks through a reverse proxy whose name it was told', async () => {
      const address = new URL(`${PAGE}api/jobs`, host.url);
      const headers = { Host: 'pictures.example', Origin: 'https://pictures.example' };
      expect((await ask(address, { headers })).status).toBe(200);
      expect((await ask(address, { headers: { Host: 'evil.example' } })).status).toBe(403);
    });

    it('to a sidecar that it starts again when it dies, and says so meanwhile', async () => {
      await host.reaches('running');
      const first = host.sidecarId();
      process.kill(first, 'SIGKILL');
      await whenEnded(first);
      const { message } = await host.reaches('starting');
      expect(message).toMatch(/ended|starting/);
      const page = await host.fetch('?theme=dark');
      expect([page.status, page.headers.get('cache-control')]).toEqual([503, 'no-store']);
      expect(await page.text()).toMatch(/content="dark"[^]*http-equiv="refresh"[^]*Erase Concept/);
      const api = await host.fetch('api/jobs');
      expect([api.status, await api.json()]).toEqual([
        503,
        { error: expect.objectContaining({ code: 'sidecar.unavailable' }) as unknown },
      ]);
      await host.reaches('running');
      expect(host.sidecarId()).not.toBe(first);
      expect((await host.fetch('api/jobs')).status).toBe(200);
    });
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'leaves no orphan when the host gets %s',
    async (signal) => {
      const host = await startHost(kind);
      await host.reaches('running');
      const sidecar = host.sidecarId();
      host.process.kill(signal);
      await whenEnded(sidecar);
    },
  );
});
