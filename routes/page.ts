import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Request, RequestHandler, Response } from 'express';

import { AppError } from '../src/errors.ts';
import type { Access } from './access.ts';

/** One file of the page. */
export interface PageFile {
  /** Its media type. */
  readonly type: string;
  readonly body: Buffer;
}

/** Makes the page: its files by name, `index.html` among them; others have hashes in their names. */
export type LoadPage = () => Promise<ReadonlyMap<string, PageFile>>;

interface ServedFile {
  readonly type: string;
  readonly etag: string;
  readonly bodies: Readonly<Record<'br' | 'gzip' | 'identity', Buffer>>;
}

const COOKIE_DAYS = 30;

/** Serves the page at `/`, made and compressed at the first request; needs no token. */
export function servePage(loadPage: LoadPage): RequestHandler {
  let loading: Promise<Map<string, ServedFile>> | null = null;
  return async (request, response, next) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      next();
      return;
    }
    loading ??= loadPage().then(compressAll);
    // The next request tries again.
    loading.catch(() => (loading = null));
    const name = request.path === '/' ? 'index.html' : request.path.slice(1);
    const file = (await loading).get(name);
    if (file) send(file, name, { request, response });
    else next();
  };
}

/** Turns the start link `/?token=…` into the cookie and the address without the token. */
export function acceptStartLink(access: Access): RequestHandler {
  return (request, response, next) => {
    const { token } = request.query;
    if (request.path !== '/' || token === undefined) {
      next();
      return;
    }
    if (!access.isToken(token)) {
      throw new AppError(
        'access.no-token',
        'this link is not the one that the sidecar printed at its last start. Open that one.',
      );
    }
    response
      .cookie(access.cookieName(request), token, {
        httpOnly: true,
        sameSite: 'strict',
        maxAge: COOKIE_DAYS * 24 * 60 * 60 * 1000,
        path: '/',
      })
      .set('Cache-Control', 'no-store')
      // Not absolute: a host may forward a folder of its own to this server.
      .redirect(303, `./${withoutToken(request.originalUrl)}`);
  };
}

/** The query of an address but for the token. */
function withoutToken(address: string): string {
  const query = new URLSearchParams(address.split('?')[1] ?? '');
  query.delete('token');
  return query.size === 0 ? '' : `?${query.toString()}`;
}

function send(
  file: ServedFile,
  name: string,
  { request, response }: { request: Request; response: Response },
): void {
  const encoding = request.acceptsEncodings(['br', 'gzip']) || 'identity';
  response.set({
    'Content-Type': file.type,
    // Other files change their names with their content.
    'Cache-Control': name === 'index.html' ? 'no-cache' : 'public, max-age=31536000, immutable',
    ETag: file.etag,
    Vary: 'Accept-Encoding',
  });
  if (request.fresh) {
    response.status(304).end();
    return;
  }
  if (encoding === 'br' || encoding === 'gzip') {
    response.set('Content-Encoding', encoding).end(file.bodies[encoding]);
  } else response.end(file.bodies.identity);
}

async function compressAll(files: ReadonlyMap<string, PageFile>): Promise<Map<string, ServedFile>> {
  const served = new Map<string, ServedFile>();
  for (const [name, { type, body }] of files) {
    const digest = createHash('sha256').update(body).digest('base64url');
    served.set(name, {
      type,
      etag: `W/"${digest.slice(0, 22)}"`,
      bodies: {
        br: await promisify(brotliCompress)(body, {
          params: { [constants.BROTLI_PARAM_QUALITY]: 9 },
        }),
        gzip: await promisify(gzip)(body),
        identity: body,
      },
    });
  }
  return served;
}
