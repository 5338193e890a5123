import { createServer, type Server as HttpServer } from 'node:http';
import express, { type RequestHandler } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import type { Logger } from 'pino';
import { pinoHttp } from 'pino-http';

import { Access, type AccessRules } from '../routes/access.ts';
import { errorHandler, notFound } from '../routes/error-handler.ts';
import { apiRouter } from '../routes/index.ts';
import type { PageServer } from '../routes/outbox.ts';
import { acceptStartLink, type LoadPage, servePage } from '../routes/page.ts';
import { serveBoard } from '../routes/queue-board.ts';
import { boardHeaders, securityHeaders } from '../routes/security-headers.ts';
import { attachSockets } from '../routes/sockets.ts';
import { AppError } from './errors.ts';
import { BOARD_PLACE, type Services } from './contract/services.ts';

/** How the sidecar is reached and what it writes. */
export interface AppOptions extends AccessRules {
  readonly logger: Logger;
  readonly loadPage: LoadPage;
  /** Where files of requests lie until they are a job's. */
  readonly uploadsFolder: string;
  /** Requests of one address in ten seconds. Default: 3000, six times what a busy page needs. */
  readonly requestLimit?: number;
}

/** The sidecar without a port: whoever made it listens. */
export interface App {
  readonly http: HttpServer;
  readonly io: PageServer;
}

const LIMIT_WINDOW_MS = 10_000;
const DEFAULT_REQUEST_LIMIT = 3000;
/** Wrong tokens of one address in the same time; a token cannot be guessed, but a script may try. */
export const DENIED_LIMIT = 100;
/** Browsers open six each. */
const MAX_CONNECTIONS = 1000;
/** For the slowest upload of all pictures that are allowed. */
const REQUEST_TIMEOUT_MS = 10 * 60 * 1000;
const HEADERS_TIMEOUT_MS = 20_000;

/** Puts the sidecar together: what it answers, whom, and in which order that is found out. */
export function createApp(services: Services, options: AppOptions): App {
  const access = new Access(options);
  const app = express();
  app.disable('x-powered-by');
  // Answers of the API are not kept, and the page's files bring their own.
  app.disable('etag');
  app.set('uploads folder', options.uploadsFolder);
  app.use(requestLog(options.logger));
  app.use(securityHeaders(options.hostUrl));
  app.use((request, _, next) => {
    access.requireOwnSite(request);
    next();
  });
  app.use(limit(options.requestLimit ?? DEFAULT_REQUEST_LIMIT));
  app.use('/api', (_, response, next) => {
    response.set('Cache-Control', 'no-store');
    next();
  });
  app.use('/api', apiRouter(services, { isPublic: true }));
  app.use('/api', requireToken(access));
  app.use('/api', apiRouter(services, { isPublic: false }));
  app.get(`${BOARD_PLACE}{/*path}`, requireToken(access), boardHeaders, serveBoard(services));
  app.use(acceptStartLink(access));
  app.use(servePage(options.loadPage));
  app.use(notFound);
  app.use(errorHandler);

  const http = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS },
    app,
  );
  http.maxConnections = MAX_CONNECTIONS;
  return { http, io: attachSockets(http, services, access) };
}

/** Lets in who knows the token; who does not may not try for long, and keeps nobody else out. */
function requireToken(access: Access): RequestHandler {
  const limitDenied = limit(DENIED_LIMIT);
  return async (request, response, next) => {
    try {
      access.requireToken(request);
      next();
    } catch (error) {
      await limitDenied(request, response, (refusal?: unknown) => {
        next(refusal ?? error);
      });
    }
  };
}

/** Every request with an id, without what is secret in it: headers, and the token of a link. */
function requestLog(logger: Logger) {
  return pinoHttp({
    logger,
    serializers: {
      req: ({ id, method, url }: { id: unknown; method: string; url: string }) => ({
        id,
        method,
        url: url.split('?')[0],
      }),
      res: ({ statusCode }: { statusCode: number }) => ({ statusCode }),
    },
    genReqId: () => crypto.randomUUID(),
    quietReqLogger: true,
    customLogLevel: (_, { statusCode }, error) =>
      error || statusCode >= 500 ? 'error' : statusCode >= 400 ? 'warn' : 'info',
  });
}

function limit(count: number) {
  return rateLimit({
    windowMs: LIMIT_WINDOW_MS,
    limit: count,
    standardHeaders: true,
    legacyHeaders: false,
    keyGenerator: ({ socket }) => ipKeyGenerator(socket.remoteAddress ?? ''),
    handler: (_, __, next) => {
      next(new AppError('request.too-many', 'these are too many requests. Wait some seconds.'));
    },
  });
}
