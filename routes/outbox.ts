import type { Server, Socket } from 'socket.io';

import type { JobWatch } from '../src/contract/services.ts';
import type { JobSummary, JobView } from '../src/contract/job-views.ts';
import type { ClientToServerEvents, ServerToClientEvents } from '../src/contract/socket-events.ts';

export type PageServer = Server<ClientToServerEvents, ServerToClientEvents>;
export type PageSocket = Socket<ClientToServerEvents, ServerToClientEvents>;
type Receivers = ReturnType<PageServer['to']>;

/** Packets that may wait for a slow client; what is more waits in the history, once for all. */
const MAX_WAITING_PACKETS = 32;

/** What is told next. */
interface Message {
  /** The same for all to whom the same is told. */
  readonly subject: object;
  readonly send: (receivers: Receivers) => void;
}

interface Watched {
  readonly watch: JobWatch;
  /** What was sent of each array. */
  progress: number;
  log: number;
  samples: number;
}

/**
 * What is on its way to one client: states, of which only the last one matters, and the histories
 * of the jobs that it watches, of which it gets everything, as fast as it takes it.
 */
export class Outbox {
  readonly id: string;
  private readonly socket: PageSocket;
  private readonly states = new Map<string, JobView>();
  private list: readonly JobSummary[] | null = null;
  private readonly watched = new Map<string, Watched>();

  constructor(socket: PageSocket) {
    this.id = socket.id;
    this.socket = socket;
  }

  get watchCount(): number {
    return this.watched.size;
  }

  watches(id: string): boolean {
    return this.watched.has(id);
  }

  putList(list: readonly JobSummary[]): void {
    this.list = list;
  }

  putState(view: JobView): void {
    this.states.set(view.id, view);
  }

  /** Sends what comes after what is there now. */
  watch(id: string, watch: JobWatch): void {
    this.unwatch(id);
    const { progress, log, samples } = watch;
    this.watched.set(id, {
      watch,
      progress: progress.length,
      log: log.length,
      samples: samples.length,
    });
  }

  unwatch(id: string): void {
    this.watched.get(id)?.watch.release();
    this.watched.delete(id);
  }

  /** Ends all watches. */
  close(): void {
    for (const id of [...this.watched.keys()]) this.unwatch(id);
  }

  /** Takes out what is to be sent next; null if there is nothing, or the client is slow. */
  take(): Message | null {
    if (!this.hasRoom()) return null;
    return this.takeList() ?? this.takeState() ?? this.takeHistory();
  }

  private takeList(): Message | null {
    const { list } = this;
    this.list = null;
    return list && { subject: list, send: (receivers) => receivers.emit('jobs:list', list) };
  }

  private takeState(): Message | null {
    for (const [id, view] of this.states) {
      this.states.delete(id);
      return { subject: view, send: (receivers) => receivers.emit('job:state', view) };
    }
    return null;
  }

  private takeHistory(): Message | null {
    for (const [id, watched] of this.watched) {
      const message = takeNext(id, watched);
      if (message) return message;
    }
    return null;
  }

  private hasRoom(): boolean {
    const { writeBuffer } = this.socket.conn as unknown as { writeBuffer: readonly unknown[] };
    return this.socket.connected && writeBuffer.length < MAX_WAITING_PACKETS;
  }
}

function takeNext(id: string, watched: Watched): Message | null {
  const { progress, log, samples } = watched.watch;
  const line = log[watched.log];
  if (line) {
    watched.log += 1;
    return { subject: line, send: (receivers) => receivers.emit('job:log', { ...line, id }) };
  }
  const point = progress[watched.progress];
  if (point) {
    watched.progress += 1;
    return {
      subject: point,
      send: (receivers) => receivers.emit('job:progress', { ...point, id }),
    };
  }
  const sample = samples[watched.samples];
  if (sample) {
    watched.samples += 1;
    return {
      subject: sample,
      send: (receivers) => receivers.emit('job:sample', { ...sample, id }),
    };
  }
  return null;
}

/** Sends to each client as much as it takes; what many are told is put into bytes once. */
export function deliver(io: PageServer, outboxes: Iterable<Outbox>): void {
  let open = [...outboxes];
  while (open.length > 0) {
    const groups = new Map<object, { message: Message; ids: string[] }>();
    open = open.filter((outbox) => {
      const message = outbox.take();
      if (!message) return false;
      const group = groups.get(message.subject) ?? { message, ids: [] };
      group.ids.push(outbox.id);
      groups.set(message.subject, group);
      return true;
    });
    for (const { message, ids } of groups.values()) message.send(io.to(ids));
  }
}
