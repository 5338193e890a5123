import { randomUUID } from 'node:crypto';
import type { Server as HttpServer } from 'node:http';
import { Server } from 'socket.io';
import { z } from 'zod';

import { AppError } from '../src/errors.ts';
import type { Services } from '../src/contract/services.ts';
import type { Access } from './access.ts';
import type { ClientToServerEvents } from '../src/contract/socket-events.ts';
import type { ErrorBody } from '../src/contract/views.ts';
import { errorReply } from './error-handler.ts';
import { deliver, Outbox, type PageServer, type PageSocket } from './outbox.ts';
import { parse } from './route.ts';

/** Windows of one person, many times over. */
const MAX_SOCKETS = 500;
/** What one client may look at. */
const MAX_WATCHES = 50;
/** Requests of one client within a second; each may send a whole history. */
const MAX_REQUESTS_A_SECOND = 20;
/** Clients say little: the id of a job. */
const MAX_MESSAGE_BYTES = 16 * 1024;
/** Changes within this time are one list: of a job's state, and of how far it is. */
const LIST_DELAY_MS = { state: 50, growth: 5000 } as const;

const watchSchema = z.object({
  id: z.string().max(200),
  afterStep: z.number().int().min(0).optional(),
});
const unwatchSchema = watchSchema.pick({ id: true });

/** Tells pages what happens to jobs. */
export function attachSockets(http: HttpServer, services: Services, access: Access): PageServer {
  const io: PageServer = new Server(http, {
    maxHttpBufferSize: MAX_MESSAGE_BYTES,
    serveClient: false,
    // A client that does not say who it is does not stay.
    connectTimeout: 5000,
    allowRequest: (request, decide) => {
      try {
        access.requireOwnSite(request);
        decide(io.engine.clientsCount < MAX_SOCKETS ? null : 'too many clients', true);
      } catch (error) {
        decide(error instanceof Error ? error.message : 'refused', false);
      }
    },
  });
  io.use((socket, next) => {
    try {
      const { token } = socket.handshake.auth;
      if (!access.isToken(token)) access.requireToken(socket.request);
      next();
    } catch (error) {
      next(Object.assign(new Error('refused'), { data: replyOf(error).error }));
    }
  });
  const outboxes = new Set<Outbox>();
  const stop = forward(io, services, outboxes);
  io.on('connection', (socket) => {
    const outbox = new Outbox(socket);
    outboxes.add(outbox);
    socket.conn.on('drain', () => {
      deliver(io, [outbox]);
    });
    socket.on('disconnect', () => {
      outboxes.delete(outbox);
      outbox.close();
    });
    serveClient(io, socket, outbox, services);
  });
  io.engine.on('close', stop);
  return io;
}

/** Brings everything that happens to all clients. */
function forward(io: PageServer, services: Services, outboxes: ReadonlySet<Outbox>): () => void {
  const list = { timer: null as NodeJS.Timeout | null, due: Infinity };
  /** One view after the other, so that the last one sent is the last one made. */
  const pending = new Map<string, 'to all' | 'to who watches it'>();
  let sending = Promise.resolve();
  const sendState = async (id: string) => {
    const receivers = pending.get(id);
    pending.delete(id);
    const view = await services.jobs.view(id).catch(() => null);
    if (!view) return;
    for (const outbox of outboxes) {
      if (receivers === 'to all' || outbox.watches(id)) outbox.putState(view);
    }
    deliver(io, outboxes);
  };
  const sendSoon = (id: string, receivers: 'to all' | 'to who watches it') => {
    const before = pending.get(id);
    if (before !== 'to all') pending.set(id, receivers);
    if (before === undefined) sending = sending.then(() => sendState(id));
  };
  const sendList = async () => {
    const summaries = await services.jobs.list().catch(() => null);
    if (!summaries) return;
    for (const outbox of outboxes) outbox.putList(summaries);
    deliver(io, outboxes);
  };
  const sendListWithin = (delay: number) => {
    const due = performance.now() + delay;
    if (due >= list.due) return;
    if (list.timer) clearTimeout(list.timer);
    list.due = due;
    list.timer = setTimeout(() => {
      list.due = Infinity;
      void sendList();
    }, delay);
  };
  const stop = services.jobs.listen({
    changed: (id) => {
      if (outboxes.size === 0) return;
      sendSoon(id, 'to all');
      sendListWithin(LIST_DELAY_MS.state);
    },
    moved: (id) => {
      if (outboxes.size === 0) return;
      if ([...outboxes].some((outbox) => outbox.watches(id))) sendSoon(id, 'to who watches it');
      sendListWithin(LIST_DELAY_MS.state);
    },
    grew: () => {
      if (outboxes.size === 0) return;
      deliver(io, outboxes);
      sendListWithin(LIST_DELAY_MS.growth);
    },
  });
  return () => {
    stop();
    if (list.timer) clearTimeout(list.timer);
  };
}

function serveClient(io: PageServer, socket: PageSocket, outbox: Outbox, services: Services): void {
  const requireRate = rateLimit();
  services.jobs.list().then(
    (list) => {
      outbox.putList(list);
      deliver(io, [outbox]);
    },
    () => undefined,
  );
  socket.on('job:watch', (request: unknown, answer: unknown) => {
    if (typeof answer !== 'function') return;
    const reply = answer as Parameters<ClientToServerEvents['job:watch']>[1];
    const watch = async () => {
      requireRate();
      const { id, afterStep = 0 } = parse(watchSchema, request);
      if (outbox.watchCount >= MAX_WATCHES) {
        throw new AppError(
          'request.too-many',
          `more than ${MAX_WATCHES} jobs are watched. Unwatch some.`,
        );
      }
      const job = await services.jobs.view(id);
      const found = await services.jobs.watch(id);
      if (!socket.connected) {
        found.release();
        return;
      }
      // From here on nothing waits, so that nothing is sent twice or not at all.
      outbox.watch(id, found);
      const progress = found.progress.filter(({ step }) => step > afterStep);
      reply({
        job: { ...job, samples: [...found.samples] },
        history: { progress, log: [...found.log] },
      });
    };
    watch().catch((error: unknown) => {
      if (socket.connected) reply(replyOf(error));
    });
  });
  socket.on('job:unwatch', (request: unknown) => {
    const { data } = unwatchSchema.safeParse(request);
    if (data) outbox.unwatch(data.id);
  });
}

function rateLimit(): () => void {
  let second = 0;
  let count = 0;
  return () => {
    const now = Math.floor(performance.now() / 1000);
    count = now === second ? count + 1 : 1;
    second = now;
    if (count > MAX_REQUESTS_A_SECOND) {
      throw new AppError('request.too-many', 'these are too many requests. Wait a second.');
    }
  };
}

function replyOf(error: unknown): ErrorBody {
  return errorReply(error, randomUUID()).body;
}
