import { once } from 'node:events';
import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { io } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';

import type { ModelView } from '../../src/contract/views.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { whenEnded } from '../helpers/web-ui-process.ts';
import { ask, startHost, type TestHost } from './host.ts';
import { describeWithPython, python } from './python.ts';

const jobsOf = ({ url }: TestHost) => new URL('/erase-concept/api/jobs', url);

/** A folder of programs with Python alone among them. */
function pathWithoutNode(): string {
  const folder = makeTemporaryFolder();
  symlinkSync(python, path.join(folder, 'python3'));
  return folder;
}

/** `Authorization` of HTTP Basic. */
function basic(user: string) {
  return { Authorization: `Basic ${Buffer.from(user).toString('base64')}` };
}

/** What the sidecar was given to ask the host with, as the system keeps it. */
function credentialsOf(host: TestHost): string {
  const environment = readFileSync(`/proc/${host.sidecarId()}/environ`, 'utf8').split('\0');
  const name = 'ERASE_CONCEPT_HOST_AUTH=';
  return environment.find((variable) => variable.startsWith(name))?.slice(name.length) ?? '';
}

/** Names of the models that the page is shown. */
async function modelsOf(host: TestHost): Promise<string[]> {
  const models = (await (await host.fetch('api/models')).json()) as ModelView[];
  return models.map(({ name }) => name);
}

describeWithPython('the bridge in stable-diffusion-webui', () => {
  describe.each([
    ['without --api', {}],
    ['with --api-auth alone', { flags: ['--api-auth', 'me:secret'] }],
    ['in a folder', { flags: ['--subpath', 'pictures'] }],
    ['with paths of models from where it runs', { flags: ['--paths-from-root'] }],
    ['on one address', { flags: ['--server-name', '127.0.0.2'], address: '127.0.0.2' }],
  ])('started %s', (_, options) => {
    it('has the sidecar ask for models where nobody else can', async () => {
      const host = await startHost('a1111', options);
      await host.reaches('running');
      expect(await modelsOf(host)).toEqual(['tiny-sd.safetensors']);

      const status = async (address: string, user: string) =>
        (await ask(new URL(address, host.url), { headers: user ? basic(user) : {} })).status;
      const inner = '/erase-concept/host/sdapi/v1';
      for (const user of ['', 'me:secret', 'erase-concept:', 'erase-concept:guessed']) {
        expect([user, await status(`${inner}/sd-models`, user)]).toEqual([user, 401]);
      }
      expect(await status('/sdapi/v1/sd-models', '')).toBe(404);
      const own = credentialsOf(host);
      expect(await status(`${inner}/sd-models`, own)).toBe(200);
      // What it does not need is not there for it either.
      expect(await status(`${inner}/extensions`, own)).toBe(404);
      // Forge Neo tells of its LoRAs with --api alone.
      const told = async (route: string) =>
        (await ask(new URL(`${inner}/${route}`, host.url), { headers: basic(own) })).body;
      expect(JSON.parse(await told('loras'))).toEqual([{ name: 'less', path: '/LoRAs/less.sft' }]);
      expect(Object.keys(JSON.parse(await told('cmd-flags')) as object)).toEqual([
        'lora_dir',
        'embeddings_dir',
      ]);
      expect(host.output).not.toContain(own);
    });
  });

  it('goes on asking for models when the interface was reloaded', async () => {
    const host = await startHost('a1111');
    await host.reaches('running');
    host.process.kill('SIGUSR1');
    await host.whenReady(2);
    expect(await modelsOf(host)).toEqual(['tiny-sd.safetensors']);
  });

  it("asks the host's own API where that is open", async () => {
    const host = await startHost('a1111', { flags: ['--api', '--api-auth', 'me:secret'] });
    await host.reaches('running');
    expect(await modelsOf(host)).toEqual(['tiny-sd.safetensors']);
    expect(credentialsOf(host)).toBe('me:secret');
    expect((await host.fetch('host/sdapi/v1/sd-models')).status).toBe(404);
  });

  it('knows the users of SD.Next, whose list may be a file', async () => {
    const users = path.join(makeTemporaryFolder(), 'users');
    writeFileSync(users, 'me:se:cret\nher:other\n');
    const host = await startHost('a1111', { flags: ['--api', '--auth-file', users] });
    await host.reaches('running');
    expect(await modelsOf(host)).toEqual(['tiny-sd.safetensors']);
    expect(credentialsOf(host)).toBe('me:se:cret');
  });

  it('lets in who is logged in to the web UI, and nobody else', async () => {
    const host = await startHost('a1111', { flags: ['--gradio-auth', 'me:secret'] });
    for (const address of ['', 'api/health', 'bridge/status', 'bridge/restart', 'socket.io/']) {
      const answer = await host.fetch(address, { headers: { Cookie: 'access-token=guessed' } });
      expect([address, answer.status]).toEqual([address, 401]);
    }
    // A foreign page's name does not bring the login.
    const foreign = { Host: 'pictures.example' };
    expect((await ask(jobsOf(host), { headers: foreign })).status).toBe(401);
    const refusal = await host.fetch('api/jobs');
    expect(await refusal.json()).toMatchObject({
      error: { code: 'access.no-login', message: expect.stringMatching(/log in/) as unknown },
    });

    const login = await fetch(new URL('/login', host.url), {
      method: 'POST',
      body: new URLSearchParams({ username: 'me', password: 'secret' }),
    });
    const headers = { Cookie: login.headers.getSetCookie().join('; ') };
    await host.reaches('running', headers);
    expect((await host.fetch('api/jobs', { headers })).status).toBe(200);

    for (const [extraHeaders, event] of [
      [{}, 'connect_error'],
      [headers, 'connect'],
    ] as const) {
      const socket = io(host.url.origin, {
        path: '/erase-concept/socket.io',
        transports: ['websocket'],
        reconnection: false,
        extraHeaders,
      });
      await new Promise<unknown>((resolve) => socket.once(event, resolve));
      socket.disconnect();
    }
  });

  it('asks for the password of the API where there is no page to log in to', async () => {
    const host = await startHost('a1111', {
      flags: ['--nowebui', '--api-auth', 'other:word,me:secret'],
    });
    const status = async (headers: Record<string, string>) =>
      (await ask(new URL('/erase-concept/bridge/status', host.url), { headers })).status;
    expect(await status({})).toBe(401);
    expect(await status(basic('me:wrong'))).toBe(401);
    expect(await status({ Authorization: 'Basic %' })).toBe(401);
    expect(await status(basic('me:secret'))).toBe(200);
    await host.reaches('running', basic('me:secret'));
  });

  it('starts no second sidecar when the interface is reloaded, and serves the page again', async () => {
    const host = await startHost('a1111');
    await host.reaches('running');
    const sidecar = host.sidecarId();
    host.process.kill('SIGUSR1');
    await host.whenReady(2);
    expect((await host.fetch('api/jobs')).status).toBe(200);
    expect(host.sidecarId()).toBe(sidecar);
    expect(host.output.match(/It is starting/g)).toHaveLength(1);
  });

  it('serves the page below a folder of a reverse proxy with https', async () => {
    const host = await startHost('a1111', { flags: ['--subpath', 'pictures'] });
    await host.reaches('running');
    // As nginx does with its defaults: without the folder, under the name of the web UI's own.
    const proxy = createServer((incoming, outgoing) => {
      const target = new URL((incoming.url ?? '').replace(/^\/pictures/, ''), host.url);
      const headers = { ...incoming.headers, host: host.url.host };
      const forwarded = request(target, { method: incoming.method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(outgoing);
      });
      incoming.pipe(forwarded);
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    onTestFinished(() => void proxy.close());
    const { port } = proxy.address() as AddressInfo;

    const browser = { Origin: 'https://pictures.example', 'Sec-Fetch-Site': 'same-origin' };
    const address = (inner: string) => new URL(`http://127.0.0.1:${port}/pictures/${inner}`);
    const short = await ask(address('erase-concept'));
    expect(new URL(short.headers.location ?? '', address('erase-concept')).pathname).toBe(
      '/pictures/erase-concept/',
    );
    const page = await ask(address('erase-concept/'), { headers: browser });
    expect(page.body).toContain('<title>Erase Concept</title>');
    const jobs = await ask(address('erase-concept/api/jobs'), { headers: browser });
    expect([jobs.status, jobs.body]).toEqual([200, '[]']);
    const evil = { ...browser, 'Sec-Fetch-Site': 'cross-site' };
    expect((await ask(address('erase-concept/api/jobs'), { headers: evil })).status).toBe(403);
  });

  it('says that Node is missing or too old and how to get it, and starts when it is there', async () => {
    const programs = pathWithoutNode();
    const host = await startHost('a1111', { flags: ['--skip-install'], env: { PATH: programs } });
    await host.prints(/needs Node >=20\.19, and this machine has no such Node/);
    const page = await host.fetch('');
    expect(page.status).toBe(503);
    const html = await page.text();
    expect(html).toMatch(/Install it from nodejs\.org, or run[^]*install\.py/);
    expect(html).not.toContain('http-equiv="refresh"');
    expect(html).toContain('<button>Start again</button>');

    const node = path.join(programs, 'node');
    writeFileSync(node, '#!/bin/sh\necho v18.20.4\n', { mode: 0o755 });
    await host.fetch('bridge/restart', { method: 'POST' });
    await host.prints(/no such Node/, 2);

    rmSync(node);
    symlinkSync(process.execPath, node);
    const again = await host.fetch('bridge/restart?theme=dark', { method: 'POST' });
    expect([again.status, again.headers.get('location')]).toEqual([303, '../?theme=dark']);
    expect(await (await host.fetch('')).text()).not.toContain('<button>Start again</button>');
    await host.prints(/It runs on port/);
  });

  it("shows the sidecar's log where it does not stay alive", async () => {
    const env = { ERASE_CONCEPT_DATA: '/dev/null/nowhere' };
    const host = await startHost('a1111', { env });
    await host.prints(/ended with exit status 3/);
    const page = await host.fetch('');
    expect(await page.text()).toMatch(/the data folder .* cannot be written to/);
  });

  it('takes another port where its own is taken', async () => {
    const first = await startHost('a1111');
    await first.reaches('running');
    const second = await startHost('a1111');
    await second.reaches('running');
    const sidecar = first.sidecarId();
    expect(second.sidecarId()).not.toBe(sidecar);
    await first.kill();
    await whenEnded(sidecar);
    expect((await second.fetch('api/jobs')).status).toBe(200);
  });
});
