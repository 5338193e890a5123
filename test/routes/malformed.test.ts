import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';

import { createTestRandom, rounds } from '../helpers/long.ts';
import { DENIED_LIMIT } from '../../src/app.ts';
import { startTestSidecar, token } from '../helpers/sidecar.ts';

const requests = rounds({ few: 3000, many: 100_000 });
const atOnce = 25;

const methods = ['GET', 'POST', 'DELETE', 'PUT', 'HEAD', 'OPTIONS', 'PATCH', 'BREW', '', 'get'];
const paths = [
  '/api/jobs',
  '/api/jobs/..%2f..%2fx',
  '/api/jobs/__proto__/cancel',
  '/api/presets',
  '/api/presets/..%2f..%2fpackage',
  '/api/sweeps',
  '/api/sweeps/..%2f..%2fjobs/start',
  '/api/estimate',
  '/api/suggestions',
  '/api/models',
  '/../../etc/passwd',
  '/socket.io/?EIO=4&transport=polling',
  '/socket.io/?EIO=4&transport=polling&sid=x',
  '/%00',
  '/%ff',
  '//evil.example/',
  'http://evil.example/',
  '*',
  '',
];
const types = [
  'application/json',
  'application/yaml',
  'multipart/form-data; boundary=x',
  'multipart/form-data',
  'text/plain',
  ';;;',
];
const bodies = [
  '',
  '{',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '[[[[[[[[[[',
  '"x"',
  'a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]',
  '--x\r\nContent-Disposition: form-data; name="job"\r\n\r\n{"model":"../x"}\r\n--x--\r\n',
  '--x\r\nContent-Disposition: form-data; name="forgetImages"; filename="../../e.png"\r\n\r\nx',
  '--x\r\nContent-Disposition: form-data; name="__proto__"\r\n\r\nx\r\n--x--\r\n',
  '\u0000\ufffd\u0001'.repeat(100),
  '96\r\n42["job:watch",{"id":null}]',
];

/** What some of them must get as far as: each check in turn, down to the handlers. */
const reached = [
  '200',
  '400 usage.invalid',
  '401 access.no-token',
  '403 access.refused',
  '404 address.unknown',
  '404 job.not-found',
  '429 request.too-many',
];

describe(`${requests} malformed requests`, () => {
  it('crash, hang and leave nothing', async () => {
    const sidecar = await startTestSidecar();
    const { hostname, port } = new URL(sidecar.url);
    const random = createTestRandom('malformed requests');
    // What stands first in a list is likelier: most requests get past what is checked before them.
    const any = <T>(list: readonly T[]): T => list[Math.floor(random() ** 2 * list.length)]!;
    const make = (): string => {
      const body = any(bodies);
      const length = any([String(Buffer.byteLength(body)), '0', '-1', 'x', '3']);
      const auth = any([
        `Authorization: Bearer ${token}\r\n`,
        `Cookie: erase-concept-${port}=${token}\r\n`,
        'Cookie: ;;=;\r\n',
        '',
      ]);
      const host = any([`Host: ${hostname}:${port}\r\n`, 'Host: \r\n', 'Host: a b\r\n', '']);
      return `${any(methods)} ${any(paths)} HTTP/1.1\r\n${host}${auth}Content-Type: ${any(types)}\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`;
    };
    const answers = new Map<string, number>();
    const send = (text: string) =>
      new Promise<void>((resolve, reject) => {
        let answer = '';
        const socket = connect(Number(port), hostname, () => {
          // The rest never comes where more was promised.
          socket.end(text);
        });
        socket.setTimeout(20_000, () => {
          socket.destroy();
          reject(new Error(`no answer to ${JSON.stringify(text)}`));
        });
        socket.on('data', (piece) => (answer += piece.toString('latin1')));
        socket.on('error', () => undefined);
        socket.on('close', () => {
          const status = /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 'closed';
          const code = /"code":"([^"]+)"/.exec(answer)?.[1] ?? '';
          const name = `${status} ${code}`.trim();
          answers.set(name, (answers.get(name) ?? 0) + 1);
          resolve();
        });
      });
    const ask = (head: string) =>
      send(`GET /api/jobs/nobody HTTP/1.1\r\n${head}Connection: close\r\n\r\n`);
    const own = `Host: ${hostname}:${port}\r\n`;
    // Whatever is drawn, the last check and the limit of wrong tokens are reached.
    await ask(`${own}Authorization: Bearer ${token}\r\n`);
    let left = requests;
    const worker = async () => {
      while (left-- > 0) await send(make());
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    await Promise.all(Array.from({ length: 2 * DENIED_LIMIT }, () => ask(own)));

    console.log(Object.fromEntries([...answers].sort()));
    const names = [...answers.keys()];
    expect(
      names.filter((name) => name.startsWith('500')),
      sidecar.log().slice(-2000),
    ).toEqual([]);
    expect(names).toEqual(expect.arrayContaining(reached));
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(readdirSync(path.join(sidecar.data, 'jobs'))).toEqual([]);
    await vi.waitFor(() => {
      expect(readdirSync(path.join(sidecar.data, 'uploads'))).toEqual([]);
    }, 10_000);
    expect(readdirSync(sidecar.data).sort()).toEqual(['jobs', 'models', 'uploads']);
    expect((await sidecar.api('get', '/jobs')).body).toEqual([]);
  }, 1_800_000);
});
