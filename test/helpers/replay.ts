import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { HostServer } from './host-server.ts';

/**
 * What a real host was asked and answered. Paths of its models folder begin with `<models>`; of
 * pictures only the beginning is kept, of their `info` what says which model drew them.
 */
interface Recording {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
  /** Of a picture sent as such: its first bytes, in hexadecimal digits. */
  readonly head?: string;
  /** How long it took. */
  readonly seconds: number;
}

function readRecording(name: string, models: string): Recording {
  const url = new URL(`../hosts/recorded/${name}.json`, import.meta.url);
  const text = readFileSync(url, 'utf8').replaceAll('<models>', models.replaceAll('\\', '/'));
  return JSON.parse(text) as Recording;
}

/**
 * A server that answers as the real host did, as late as it did. Of several recordings of the same
 * question, one is used after another; the last one again and again.
 *
 * @param names of recordings, in their order
 * @param models what stands for the host's models folder
 * @param others answers of which there is no recording, by method and path
 */
export async function replay(
  names: readonly string[],
  models: string,
  others: Readonly<Record<string, unknown>> = {},
): Promise<HostServer> {
  const recordings = names.map((name) => readRecording(name, models));
  const server = new HostServer(async ({ method, path }) => {
    const question = `${method} ${path}`;
    const matching = recordings.filter((known) => `${known.method} ${known.path}` === question);
    const [next] = matching;
    if (!next) return question in others ? { body: others[question] } : { status: 404 };
    if (matching.length > 1) recordings.splice(recordings.indexOf(next), 1);
    await sleep(next.seconds * 1000);
    return {
      status: next.status,
      body: next.body === '' ? undefined : next.body,
      ...(next.head !== undefined && { file: Buffer.from(next.head, 'hex') }),
    };
  });
  return server.up();
}
