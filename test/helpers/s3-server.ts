import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import S3rver from 's3rver';
import { onTestFinished, vi } from 'vitest';

import { makeTemporaryFolder } from './temporary-folder.ts';

/** What becomes of a request. */
type Fate = 'answered' | 'refused' | 'cut';

/** A store of S3 that fails as it is told to. */
export interface S3Server {
  /** For `--store`. */
  readonly place: string;
  /** Decides the fate of each request. */
  fate: (request: IncomingMessage) => Fate;
}

/** Starts a store of S3 that ends with the test, and has the environment name it. */
export async function startS3(): Promise<S3Server> {
  const server = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory: makeTemporaryFolder(),
    configureBuckets: [{ name: 'erase-concept', configs: [] }],
  });
  const { port } = (await server.run()) as AddressInfo;
  const s3: S3Server = { place: 's3://erase-concept/fleet', fate: () => 'answered' };
  const front = createServer((incoming, outgoing) => {
    forward(incoming, outgoing, { port, fate: s3.fate(incoming) });
  }).listen(0, '127.0.0.1');
  await once(front, 'listening');
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(front.address() as AddressInfo).port}`);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'S3RVER');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'S3RVER');
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    front.closeAllConnections();
    front.close();
    await server.close();
  });
  return s3;
}

function forward(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { port, fate }: { port: number; fate: Fate },
): void {
  if (fate === 'refused') {
    incoming.resume();
    outgoing.writeHead(500).end();
    return;
  }
  const { method, url, headers } = incoming;
  const behind = request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    if (fate === 'answered') answer.pipe(outgoing);
    else {
      // In the middle.
      let left = Math.floor(Number(answer.headers['content-length'] ?? 0) / 2);
      answer.on('data', (bytes: Buffer) => {
        if (left <= 0) return;
        outgoing.write(bytes.subarray(0, left), () => {
          if (left <= 0) outgoing.destroy();
        });
        left -= bytes.length;
      });
      answer.once('end', () => outgoing.destroy());
    }
  });
  behind.on('error', () => outgoing.destroy());
  incoming.pipe(behind);
}
