import type { Socket } from 'socket.io';

import type { JobWatch } from '../src/services.ts';
import type {
  ClientToServerEvents,
  JobSummary,
  JobView,
  ServerToClientEvents,
} from './contract.ts';

export type PageSocket = Socket<ClientToServerEvents, ServerToClientEvents>;

/** Packets that may wait for a slow client; what is more waits in the history, once for all. */
const MAX_WAITING_PACKETS = 32;

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
  private readonly socket: PageSocket;
  private readonly states = new Map<string, JobView>();
  private list: readonly JobSummary[] | null = null;
  private readonly watched = new Map<string, Watched>();

  constructor(socket: PageSocket) {
    this.socket = socket;
    socket.conn.on('drain', () => {
      this.pump();
    });
  }

  get watchCount(): number {
    return this.watched.size;
  }

  putList(list: readonly JobSummary[]): void {
    this.list = list;
    this.pump();
  }

  putState(view: JobView): void {
    this.states.set(view.id, view);
    this.pump();
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

  /** Sends as much as the client takes. */
  pump(): void {
    if (this.list && this.hasRoom()) {
      this.socket.emit('jobs:list', this.list);
      this.list = null;
    }
    for (const [id, view] of this.states) {
      if (!this.hasRoom()) return;
      this.states.delete(id);
      this.socket.emit('job:state', view);
    }
    for (const [id, watched] of this.watched) this.pumpHistory(id, watched);
  }

  private pumpHistory(id: string, watched: Watched): void {
    const { progress, log, samples } = watched.watch;
    while (this.hasRoom()) {
      const point = progress[watched.progress];
      const line = log[watched.log];
      const sample = samples[watched.samples];
      if (line) {
        watched.log += 1;
        this.socket.emit('job:log', { ...line, id });
      } else if (point) {
        watched.progress += 1;
        this.socket.emit('job:progress', { ...point, id });
      } else if (sample) {
        watched.samples += 1;
        this.socket.emit('job:sample', { ...sample, id });
      } else return;
    }
  }

  private hasRoom(): boolean {
    const { writeBuffer } = this.socket.conn as unknown as { writeBuffer: readonly unknown[] };
    return this.socket.connected && writeBuffer.length < MAX_WAITING_PACKETS;
  }
}
