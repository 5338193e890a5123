import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { freePort } from '../helpers/free-port.ts';
import { hasRedis, startRedis } from '../helpers/redis-server.ts';
import { callCli, parseEvents, startCli } from '../helpers/run-cli.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const PASSWORD = 'a-secret-word';

/** Makes a certificate to test with; on CI the test fails without it. */
const hasOpenssl = spawnSync('openssl', ['version']).status === 0 || process.env.CI !== undefined;
if (!hasOpenssl) {
  console.warn(
    'SKIPPED: no Redis with TLS: there is no openssl. On Debian: apt-get install openssl',
  );
}

it('one of several cards cannot be named, and the message says what to do', async () => {
  const folder = makeTemporaryFolder();
  const at = ['--queue', 'redis://127.0.0.1', '--store', folder];
  const { status, stderr } = await callCli(['worker', ...at, '--device', 'webgpu:1'], folder);
  expect(status).toBe(2);
  expect(stderr).toMatch(/webgpu:1.*no number.*container.*docs\/many-machines\.md/s);
  const unknown = await callCli(['worker', ...at, '--device', 'tpu'], folder);
  expect(unknown.stderr).toMatch(/'tpu' is invalid.*auto, cpu, webgpu/s);
});

describe.runIf(hasRedis && hasOpenssl)('a worker of a Redis with TLS and a password', () => {
  it('works for it where it knows its certificate, and says why where not', async () => {
    const folder = makeTemporaryFolder();
    const [key, certificate] = ['key.pem', 'certificate.pem'].map((name) =>
      path.join(folder, name),
    );
    const made = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=queue'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key!, '-out', certificate!],
    ]);
    expect(made.status, made.stderr.toString()).toBe(0);
    const port = await freePort();
    await startRedis(
      [
        ...['--tls-port', String(port), '--tls-auth-clients', 'no'],
        ...['--tls-cert-file', certificate!, '--tls-key-file', key!],
      ],
      PASSWORD,
    );
    const args = ['worker', '--json', '--name', 'one', '--device', 'cpu', '--store', 'store'];
    const start = (word: string, environment: readonly string[] = []) =>
      startCli([...args, '--queue', `rediss://:${word}@127.0.0.1:${port}`], {
        folder,
        wrapper: ['env', ...environment],
      });
    const trusted = `NODE_EXTRA_CA_CERTS=${certificate!}`;
    const [stranger, wrong] = await Promise.all([
      start(PASSWORD).ended,
      start('wrong', [trusted]).ended,
    ]);
    expect([stranger.status, wrong.status]).toEqual([4, 4]);
    expect(stranger.stdout).toContain('self-signed certificate');
    expect(wrong.stdout).toContain('WRONGPASS');
    for (const { stdout, stderr } of [stranger, wrong]) {
      expect(stdout + stderr).not.toContain(PASSWORD);
      expect(stdout).toContain('queue.unavailable');
    }
    const worker = start(PASSWORD, [trusted]);
    await worker.printed('"jobs":[]');
    process.kill(-worker.process.pid!, 'SIGINT');
    const { status, stdout } = await worker.ended;
    expect(status).toBe(0);
    expect(parseEvents(stdout)[0]).toMatchObject({ event: 'worker', worker: 'one', device: 'cpu' });
  });
});
