import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { hostname, networkInterfaces } from 'node:os';

import { AppError } from '../src/errors.ts';

/** Whom the sidecar answers. */
export interface AccessRules {
  /** What whoever may use it has to know. */
  readonly token: string;
  /** The address that it listens on. */
  readonly listen: string;
  /** The web UI that shows the page in a frame. */
  readonly hostUrl: URL | null;
  /** Whether other sidecars have the same page and token. */
  readonly isShared?: boolean;
}

const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];
const isLoopback = (address: string) => ['localhost', '127.0.0.1', '::1'].includes(address);

/** Tells requests of the page and of those who know the token from all others. */
export class Access {
  private readonly rules: AccessRules;
  private readonly tokenDigest: Buffer;
  private readonly hostNames: ReadonlySet<string>;

  constructor(rules: AccessRules) {
    this.rules = rules;
    this.tokenDigest = digest(rules.token);
    this.hostNames = new Set([
      ...loopbackNames,
      ...(isLoopback(rules.listen) ? [] : namesOf(rules.listen)),
      ...(rules.hostUrl ? [rules.hostUrl.hostname] : []),
    ]);
  }

  /**
   * Refuses names that are not the sidecar's, which a foreign page may have made to mean it (DNS
   * rebinding), and requests that a foreign page sends.
   *
   * @throws AppError `access.refused`
   */
  requireOwnSite({ headers }: IncomingMessage): void {
    const { host = '', origin } = headers;
    if (!this.hostNames.has(hostNameOf(host))) {
      throw new AppError(
        'access.refused',
        `this sidecar is not called ${JSON.stringify(host.slice(0, 100))}. Open it under the address that it printed at its start.`,
      );
    }
    const isOwn = origin !== undefined && this.isOwnOrigin(origin, host);
    const site = headers['sec-fetch-site'];
    const isForeign = origin === undefined && (site === 'cross-site' || site === 'same-site');
    if ((origin !== undefined && !isOwn) || isForeign) {
      throw new AppError(
        'access.refused',
        `requests of other pages${origin === undefined ? '' : ` (${origin.slice(0, 100)})`} are refused. If it is your web UI, give its address with --host-url.`,
      );
    }
  }

  /**
   * Refuses whoever does not know the token.
   *
   * @throws AppError `access.no-token`
   */
  requireToken(request: IncomingMessage): void {
    const bearer = /^Bearer ([^\s]+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (this.isToken(bearer ?? cookieOf(request, this.cookieName(request)))) return;
    throw new AppError(
      'access.no-token',
      'the access token is missing or wrong. Open the link that the sidecar printed at its start, or send its token as "Authorization: Bearer".',
    );
  }

  /** Whether it is the token; takes the same time for every wrong one. */
  isToken(value: unknown): boolean {
    return typeof value === 'string' && timingSafeEqual(digest(value), this.tokenDigest);
  }

  /**
   * Cookies do not tell ports apart: two sidecars would take each other's. Those of one queue shall, as a proxy
   * may ask any of them.
   */
  cookieName({ socket }: IncomingMessage): string {
    if (this.rules.isShared)
      return `erase-concept-${this.tokenDigest.toString('hex').slice(0, 16)}`;
    return `erase-concept-${socket.localPort ?? 0}`;
  }

  private isOwnOrigin(origin: string, host: string): boolean {
    // With https, a proxy stands before it.
    if (origin === `http://${host}` || origin === `https://${host}`) return true;
    return origin === this.rules.hostUrl?.origin;
  }
}

/** Of the same length for everything, as the comparison needs. */
function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}

/** The name or address without the port, which a forwarded one may differ in. */
function hostNameOf(host: string): string {
  if (!/^[\w.:[\]-]+$/.test(host)) return '';
  try {
    return new URL(`http://${host}`).hostname;
  } catch {
    return '';
  }
}

/** What a machine is called by those who reach it at an address that is not its loopback. */
function namesOf(listen: string): string[] {
  const bracketed = (address: string) => (address.includes(':') ? `[${address}]` : address);
  const isAny = listen === '0.0.0.0' || listen === '::';
  const addresses = isAny
    ? Object.values(networkInterfaces()).flatMap(
        (found) => found?.map(({ address }) => address) ?? [],
      )
    : [listen];
  const own = hostname().toLowerCase();
  return [...addresses.map(bracketed), own, `${own}.local`];
}

function cookieOf({ headers }: IncomingMessage, name: string): string | undefined {
  for (const pair of (headers.cookie ?? '').split(';')) {
    const [key = '', value] = pair.split('=', 2);
    if (key.trim() === name) return value?.trim();
  }
  return undefined;
}

/**
 * Refuses what would happen on a desktop that whoever asks does not sit at: a web UI's bridge and a
 * reverse proxy say for whom they ask.
 *
 * @throws AppError `access.refused`
 */
export function requireSameMachine({ socket, headers }: IncomingMessage): void {
  const forwarded = [headers['x-forwarded-for'] ?? []].flat().join(',');
  const addresses = [socket.remoteAddress ?? '', ...forwarded.split(',')]
    .map((address) => address.trim().replace(/^::ffff:/, ''))
    .filter((address) => address !== '');
  if (addresses.length > 0 && addresses.every(isLoopback)) return;
  throw new AppError(
    'access.refused',
    'folders are opened only for who sits at the machine that the sidecar runs on. Copy the path instead.',
  );
}
