import type { z } from 'zod';

import { AppError } from '../errors.ts';
import { systemErrorCode } from '../system-error.ts';
import type { HostTimeouts } from './host-timeouts.ts';

/** A host's own word for what it could not do. */
export class HostRefusal extends AppError {
  /** Of HTTP. */
  readonly status: number;
  /** JSON, or text that is none. */
  readonly body: unknown;

  constructor(message: string, { status, body }: { status: number; body: unknown }) {
    super('host.failed', message);
    this.status = status;
    this.body = body;
  }
}

/** How a host is reached. */
export interface HostAddress {
  readonly url: URL;
  /** `user:password` of HTTP Basic; null where it asks for none. */
  readonly credentials: string | null;
}

/** How long an answer is waited for. */
interface Waiting {
  /** Default: as long as for what needs no work. */
  readonly timeoutMs?: number;
  /** Aborted where nobody waits any more. */
  readonly signal?: AbortSignal | undefined;
}

/** Longer ones are logs. */
const MAX_REASON_CHARACTERS = 300;

/** Asks a web UI over HTTP, and says in words for people why there is no answer. */
export class HostClient {
  readonly timeouts: HostTimeouts;
  /** The host in messages. */
  readonly label: string;
  private readonly base: URL;
  private readonly headers: Readonly<Record<string, string>>;

  constructor({ url, credentials }: HostAddress, timeouts: HostTimeouts) {
    this.timeouts = timeouts;
    this.label = `the web UI at ${url.href}`;
    // A web UI may be below a path of its own.
    this.base = url.pathname.endsWith('/') ? url : new URL(`${url.href}/`);
    const basic = Buffer.from(credentials ?? '').toString('base64');
    this.headers = credentials === null ? {} : { Authorization: `Basic ${basic}` };
  }

  /** Whether anything answers there, be it with an error. */
  async isReachable(path: string): Promise<boolean> {
    try {
      await this.ask('GET', path, { timeoutMs: this.timeouts.pingMs });
      return true;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return error.code !== 'host.unreachable';
    }
  }

  /**
   * What it answers.
   *
   * @param path below the host's address, without a slash at its beginning
   * @throws AppError `host.unreachable`, `host.credentials`, `host.failed`; of the latter,
   *   `HostRefusal` where it answers with an error
   */
  async get<T>(path: string, schema: z.ZodType<T>, waiting: Waiting = {}): Promise<T> {
    return this.parse(path, await this.ask('GET', path, waiting), schema);
  }

  /** As `get`; what it answers is no text. */
  async getBytes(path: string, waiting: Waiting = {}): Promise<Buffer> {
    return this.fetchBytes(path, { method: 'GET', ...waiting });
  }

  /** As `get`; a body is sent as JSON. */
  async post<T>(
    path: string,
    body: object,
    schema: z.ZodType<T>,
    waiting: Waiting = {},
  ): Promise<T> {
    return this.parse(path, await this.ask('POST', path, { body, ...waiting }), schema);
  }

  private parse<T>(path: string, answer: unknown, schema: z.ZodType<T>): T {
    const { data, error } = schema.safeParse(answer);
    if (!error) return data;
    throw new AppError(
      'host.failed',
      `${this.label} answers /${path} with something else than expected. Make sure that --host and --host-url name the right web UI, and that it is up to date.`,
      { cause: error },
    );
  }

  private async ask(
    method: string,
    path: string,
    { body, ...waiting }: Waiting & { readonly body?: object } = {},
  ): Promise<unknown> {
    const bytes = await this.fetchBytes(path, {
      method,
      ...(body && { body: JSON.stringify(body) }),
      ...waiting,
    });
    return parseJson(bytes.toString('utf8'));
  }

  private async fetchBytes(
    path: string,
    { method, body, ...waiting }: Waiting & { readonly method: string; readonly body?: string },
  ): Promise<Buffer> {
    const headers = { ...this.headers, ...(body && { 'Content-Type': 'application/json' }) };
    const { status, bytes } = await this.fetch(path, {
      ...{ method, headers, ...waiting },
      ...(body !== undefined && { body }),
    });
    if (status === 401) throw this.wrongCredentials();
    if (status < 400) return bytes;
    const answer = parseJson(bytes.toString('utf8'));
    throw new HostRefusal(
      `${this.label} answers ${method} /${path} with ${status}: ${reasonIn(answer)}`,
      { status, body: answer },
    );
  }

  private async fetch(
    path: string,
    request: Omit<RequestInit, 'signal'> & Waiting,
    isAgain = false,
  ): Promise<{ status: number; bytes: Buffer }> {
    const { timeoutMs = this.timeouts.quickMs, signal, ...init } = request;
    try {
      const answer = await fetch(new URL(path, this.base), {
        ...init,
        signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]),
      });
      return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) };
    } catch (cause) {
      signal?.throwIfAborted();
      // After some errors a host closes the connection, which may be taken for the next question by then.
      if (init.method === 'GET' && isClosed(cause) && !isAgain) {
        return this.fetch(path, request, true);
      }
      throw this.unreachable(cause, timeoutMs);
    }
  }

  private unreachable(cause: unknown, timeoutMs: number): AppError {
    const isLate = cause instanceof Error && cause.name === 'TimeoutError';
    const reason = cause instanceof Error ? (systemErrorCode(cause.cause) ?? cause.message) : '';
    return new AppError(
      'host.unreachable',
      isLate
        ? `${this.label} has not answered for ${timeoutMs / 1000} s. Look whether it still works, restart it if it does not, then try again.`
        : `${this.label} cannot be reached (${reason}). Start it, or give its right address with --host-url, then try again.`,
      { cause },
    );
  }

  private wrongCredentials(): AppError {
    const isNone = this.headers.Authorization === undefined;
    return new AppError(
      'host.credentials',
      `${this.label} ${isNone ? 'asks for credentials' : 'refuses the credentials'}. Start the sidecar with ERASE_CONCEPT_HOST_AUTH=user:password in its environment, those of the web UI's --api-auth.`,
    );
  }
}

/** Whether the other side closed the connection instead of answering. */
function isClosed(cause: unknown): boolean {
  const code = cause instanceof Error ? systemErrorCode(cause.cause) : null;
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET';
}

/** Text that is no JSON, a page say, as it is. */
function parseJson(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Why, from the body of an error. A1111 and Forge put it in other places, and so does FastAPI. */
function reasonIn(body: unknown): string {
  const { errors, message, detail, error } = (
    typeof body === 'object' ? (body ?? {}) : {}
  ) as Record<string, unknown>;
  const reason = [errors, message, detail, error].find(
    (part) => typeof part === 'string' && part !== '',
  );
  if (typeof reason === 'string') return shorten(reason);
  return body === null ? 'no reason given' : shorten(JSON.stringify(body));
}

/** One line, as a part of a sentence. */
export function shorten(reason: string): string {
  const line = reason.replaceAll(/\s+/g, ' ').trim();
  return line.length > MAX_REASON_CHARACTERS ? `${line.slice(0, MAX_REASON_CHARACTERS)}…` : line;
}
