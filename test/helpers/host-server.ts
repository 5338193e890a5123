import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

/** What a server answers; nothing at all where it hangs. */
export interface Answer {
  readonly status?: number;
  /** Sent as JSON; nothing for undefined. */
  readonly body?: unknown;
  /** Sent in place of JSON. */
  readonly file?: Buffer;
}

export interface Asked {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly authorization: string | undefined;
}

/** What goes wrong with a request: it is answered so, later, never, or the connection is closed, once. */
export type Fault = Answer | { readonly delayMs: number } | 'hang' | 'die' | 'close';

/** A web UI's HTTP server that can be taken down, comes back on the same port, and can be faulty. */
export class HostServer {
  /** What was asked, in its order. */
  readonly asked: Asked[] = [];
  /** By method and path without query. */
  readonly faults = new Map<string, Fault>();
  private readonly handle: (asked: Asked) => Promise<Answer>;
  private server: Server | null = null;
  private port = 0;

  constructor(handle: (asked: Asked) => Promise<Answer>) {
    this.handle = handle;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${this.port}/`);
  }

  /** How often something was asked. */
  count(method: string, path: string): number {
    return this.asked.filter((asked) => asked.method === method && asked.path === path).length;
  }

  async up(): Promise<this> {
    this.server = createServer((request, response) => void this.answer(request, response));
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
    onTestFinished(() => {
      this.down();
    });
    return this;
  }

  down(): void {
    this.server?.close();
    this.server?.closeAllConnections();
    this.server = null;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = await readAsked(request);
    this.asked.push(asked);
    const route = `${asked.method} ${asked.path.split('?')[0] ?? ''}`;
    const fault = this.faults.get(route);
    if (fault === 'hang') return;
    if (fault === 'close') {
      this.faults.delete(route);
      request.socket.destroy();
      return;
    }
    if (fault === 'die') {
      this.down();
      return;
    }
    const isLate = fault !== undefined && 'delayMs' in fault;
    if (isLate) await sleep(fault.delayMs);
    const answer = fault === undefined || isLate ? await this.handle(asked) : fault;
    response.statusCode = answer.status ?? 200;
    if (answer.file) {
      response.setHeader('Content-Type', 'application/octet-stream');
      response.end(answer.file);
      return;
    }
    response.setHeader('Content-Type', 'application/json');
    response.end(answer.body === undefined ? '' : JSON.stringify(answer.body));
  }
}

async function readAsked(request: IncomingMessage): Promise<Asked> {
  const { method = '', url: path = '', headers } = request;
  const sent = await text(request);
  const body = (sent === '' ? {} : JSON.parse(sent)) as Asked['body'];
  return { method, path, body, authorization: headers.authorization };
}
