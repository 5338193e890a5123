import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { WebSocket } from 'ws';
import { expect } from 'vitest';

import { startTestSidecar, type TestSidecar, tinyModel, token } from '../helpers/sidecar.ts';
import type { Reader, Seed, Subject } from './subject.ts';

/** Longer than any answer takes, on a busy machine too. */
const ANSWER_MS = 60_000;
/** How long what is sent may go on. */
const SENDING_MS = 200;
/** Clients that send at the same time. */
const atOnce = 25;

/** Sends bytes as they are and reads to the end. @throws where no answer and no end comes */
function exchange(url: string, bytes: Buffer): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    // What promised more than it sends comes to its end all the same.
    const end = setTimeout(() => {
      if (!isWhole(bytes)) socket.end();
    }, SENDING_MS);
    socket.setTimeout(ANSWER_MS, () => {
      socket.destroy();
      reject(new Error('no answer'));
    });
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(end);
      const answer = Buffer.concat(pieces).toString('latin1');
      const status = /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 'closed';
      if (status === '500') reject(new Error(`a fault of the program: ${answer.slice(-500)}`));
      const code = /"code":"([^"]+)"/.exec(answer)?.[1];
      resolve(code ?? status);
    });
  });
}

/** Whether a request sends all that it promises; a socket promises to go on. */
function isWhole(request: Buffer): boolean {
  const [head = '', ...rest] = request.toString('latin1').split('\r\n\r\n');
  if (/^upgrade:/im.test(head)) return false;
  const promised = /^content-length: (\d+)$/im.exec(head)?.[1];
  return rest.length > 0 && Number(promised ?? 0) <= rest.join('\r\n\r\n').length;
}

interface RequestParts {
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
  /** Further lines of the head. */
  readonly more?: string;
}

function requestTo(url: string, { path, type, body, more = '' }: RequestParts): Seed {
  const head = `POST ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\nAuthorization: Bearer ${token}\r\n${more}Content-Type: ${type}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  return { head: Buffer.from(head), body };
}

/** Of most requests the length is said as it is: what came of the body is to be read, too. */
function withLength(request: Buffer): Buffer {
  const text = request.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  if (end === -1 || request.length % 4 === 0) return request;
  const length = request.length - end - 4;
  const head = text.slice(0, end).replace(/(?<=^content-length: ).*$/im, String(length));
  return Buffer.from(head + text.slice(end), 'latin1');
}

const boundary = 'x-x';
const form = `multipart/form-data; boundary=${boundary}`;
function formOf(
  parts: readonly (readonly [disposition: string, content: Buffer | string])[],
): Buffer {
  return Buffer.concat([
    ...parts.flatMap(([disposition, content]) => [
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`),
      Buffer.from(content),
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
}

/** A server that no more comes through to than its own person sends. */
async function openSidecar(): Promise<{ sidecar: TestSidecar; check: () => Promise<void> }> {
  const sidecar = await startTestSidecar({ requestLimit: Number.MAX_SAFE_INTEGER });
  return {
    sidecar,
    check: async () => {
      expect((await sidecar.api('get', '/health')).status).toBe(200);
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    },
  };
}

const multipart: Subject = {
  name: 'multipart',
  // Each that comes through starts a process.
  share: 4,
  open: async (): Promise<Reader> => {
    const { sidecar, check } = await openSidecar();
    const { url } = sidecar;
    const png = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    // Refused at the end, so that nothing is trained.
    const job = JSON.stringify({ model: `no-${tinyModel}`, forget: ['a heart'], captions: {} });
    const file = (field: string, name: string) => `name="${field}"; filename="${name}"`;
    const body = formOf([
      ['name="job"', job],
      [file('forgetImages', '1.png'), png],
      [file('retainImages', '2.png'), png],
    ]);
    const given = formOf([[file('file', 'x.safetensors'), Buffer.from('0123456789')]]);
    const judge = formOf([
      [file('file', 'j.onnx'), 'x'],
      [file('labels', 'j.txt'), 'a\nb\n'],
    ]);
    return {
      seeds: [
        requestTo(url, { path: '/api/jobs', type: form, body: body }),
        requestTo(url, { path: '/api/loras', type: form, body: given }),
        requestTo(url, { path: '/api/vaes', type: form, body: given }),
        requestTo(url, { path: '/api/embeddings', type: form, body: given }),
        requestTo(url, { path: '/api/judges', type: form, body: judge }),
      ],
      atOnce: 2,
      read: (input) => exchange(url, withLength(input)),
      check,
    };
  },
};

/** As proxies and the bridges of web UIs hand requests on. */
const proxied: Subject = {
  name: 'proxied requests',
  share: 12,
  open: async (): Promise<Reader> => {
    const { sidecar, check } = await openSidecar();
    const { url } = sidecar;
    const more =
      'X-Forwarded-For: 10.0.0.1, ::1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: example.org\r\nForwarded: for=10.0.0.1;host=example.org\r\nX-Forwarded-Prefix: /erase-concept\r\n';
    const json = Buffer.from(JSON.stringify({ model: 'x', forget: ['a heart'] }));
    const apply = Buffer.from('{"strength":1}');
    const preset = Buffer.from('title: x\nforget: [a]\nretain: [b]\n');
    const get = (path: string) =>
      Buffer.from(
        `GET ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n${more}Cookie: a=b; erase-concept=${token}\r\nAccept-Encoding: gzip\r\nRange: bytes=0-1\r\nIf-None-Match: "x"\r\nConnection: close\r\n\r\n`,
      );
    const upgrade = `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${new URL(url).host}\r\n${more}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n`;
    return {
      seeds: [
        requestTo(url, { path: '/api/estimate', type: 'application/json', body: json, more }),
        requestTo(url, { path: '/api/presets', type: 'application/yaml', body: preset, more }),
        requestTo(url, { path: '/api/jobs/x/apply', type: 'application/json', body: apply, more }),
        get('/'),
        get('/api/jobs'),
        get('/api/jobs/x/samples/..%2f..%2fjob.yaml'),
        get('/socket.io/?EIO=4&transport=polling'),
        Buffer.from(upgrade),
      ],
      atOnce,
      read: (input) => exchange(url, withLength(input)),
      check,
    };
  },
};

/** How many messages one client sends before another takes its place. */
const MESSAGES_A_CLIENT = 40;

const sockets: Subject = {
  name: 'socket messages',
  share: 8,
  open: async (): Promise<Reader> => {
    const { sidecar, check } = await openSidecar();
    let client: WebSocket | null = null;
    let sent = 0;
    return {
      seeds: [
        '42["job:watch",{"id":"x","afterStep":1}]',
        '421["job:watch",{"id":"x"}]',
        '42["job:unwatch",{"id":"x"}]',
        '451-["job:watch",{"_placeholder":true,"num":0}]',
        `40{"token":"${token}"}`,
        '41',
        '2',
        '3probe',
      ].map((text) => Buffer.from(text)),
      read: async (input) => {
        if (client?.readyState !== WebSocket.OPEN || sent >= MESSAGES_A_CLIENT) {
          client?.terminate();
          client = await openClient(sidecar.url);
          sent = 0;
        }
        sent += 1;
        // Bytes as they are, or as text: both are messages.
        client.send(sent % 2 === 0 ? input : input.toString('utf8'));
        await sleep(0);
        return client.readyState === WebSocket.OPEN ? 'taken' : 'closed';
      },
      check: async () => {
        client?.terminate();
        await check();
      },
    };
  },
};

/** A client that has said who it is. */
function openClient(url: string): Promise<WebSocket> {
  const address = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
  return new Promise((resolve, reject) => {
    const client = new WebSocket(address);
    client.once('message', () => {
      client.send(`40{"token":"${token}"}`);
      client.on('error', () => undefined);
      resolve(client);
    });
    client.once('error', reject);
  });
}

/** What reads what is sent to the server. */
export const serverSubjects: readonly Subject[] = [multipart, proxied, sockets];
