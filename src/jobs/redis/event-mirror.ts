import { open } from 'node:fs/promises';

import type { RecordedEvent } from '../../erase/events.ts';
import { parseEvents } from '../local/event-log.ts';
import type { RedisJob } from './redis-job.ts';

/**
 * Brings what a run records in the events of its folder to Redis, in its order and once. The folder is what
 * counts: what Redis has lost of the last second is brought again.
 */
export class EventMirror {
  private readonly stored: RedisJob;
  private readonly file: string;
  /** Events of the folder, those from before the run too. */
  private readonly events: RecordedEvent[];
  /** Of the folder's file. */
  private readBytes: number;
  /** How many of them Redis has. */
  private sent: number;
  private sending: Promise<void> = Promise.resolve();

  /** @param events that the file begins with, and Redis has */
  constructor(
    stored: RedisJob,
    { file, events, bytes }: { file: string; events: readonly RecordedEvent[]; bytes: number },
  ) {
    this.stored = stored;
    this.file = file;
    this.events = [...events];
    this.readBytes = bytes;
    this.sent = events.length;
  }

  /**
   * Brings what there is.
   *
   * @param upTo which one is held back, with all after it
   * @throws AppError `job.taken-over`
   */
  send(upTo: (event: RecordedEvent) => boolean = isEnd): Promise<void> {
    const sending = this.sending.then(() => this.sendNow(upTo));
    this.sending = sending.catch(() => undefined);
    return sending;
  }

  private async sendNow(upTo: (event: RecordedEvent) => boolean): Promise<void> {
    await this.read();
    const began = this.sent;
    const held = this.events.findIndex((event, i) => i >= began && upTo(event));
    const end = held < 0 ? this.events.length : held;
    while (this.sent < end) {
      this.sent = await this.stored.addEvents(this.sent, this.events.slice(this.sent, end));
    }
  }

  /** Whole lines that were added to the file. */
  private async read(): Promise<void> {
    const handle = await open(this.file, 'r');
    try {
      const { size } = await handle.stat();
      const bytes = Buffer.alloc(Math.max(0, size - this.readBytes));
      await handle.read(bytes, 0, bytes.length, this.readBytes);
      const end = bytes.lastIndexOf('\n') + 1;
      this.readBytes += end;
      this.events.push(...parseEvents(bytes.subarray(0, end).toString('utf8')));
    } finally {
      await handle.close();
    }
  }
}

/** The last event of a run waits until what the run has made is in the store. */
function isEnd({ event }: RecordedEvent): boolean {
  return event === 'done' || event === 'error';
}
