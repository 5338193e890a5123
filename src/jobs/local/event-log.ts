import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { RecordedEvent } from '../../erase/events.ts';
import { isMissingFile } from '../../system-error.ts';

/** What happened to a job: the `events.ndjson` of its folder. */
export class EventLog {
  /** The job's folder. */
  readonly path: string;

  constructor(folder: string) {
    this.path = folder;
  }

  /** The file. */
  get eventsPath(): string {
    return path.join(this.path, 'events.ndjson');
  }

  /**
   * Adds an event to `events.ndjson`, with the present time where it has none; it is with the system
   * when this returns.
   *
   * @returns the event as it was recorded
   */
  appendEvent(event: RecordedEvent): RecordedEvent {
    const recorded = { ...event, time: event.time ?? new Date().toISOString() };
    // Not async: events are few and small, and must stand in their order.
    appendFileSync(this.eventsPath, `${JSON.stringify(recorded)}\n`);
    return recorded;
  }

  /**
   * Ends a line that a killed process left unfinished, so that the next event starts its own. Done
   * once, before a run appends.
   */
  async mendEvents(): Promise<void> {
    const text = await this.readEventsText();
    if (text !== '' && !text.endsWith('\n')) appendFileSync(this.eventsPath, '\n');
  }

  /**
   * Everything that happened so far, of all runs; lines that were cut off are left out.
   *
   * @param after how many of the first events are left out, too
   */
  async readEvents(after = 0): Promise<RecordedEvent[]> {
    const events = parseEvents(await this.readEventsText());
    return after === 0 ? events : events.slice(after);
  }

  private async readEventsText(): Promise<string> {
    return readFile(this.eventsPath, 'utf8').catch((error: unknown) => {
      if (isMissingFile(error)) return '';
      throw error;
    });
  }
}

/** Events as they stand in a file, one a line; lines that were cut off are left out. */
export function parseEvents(text: string): RecordedEvent[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as RecordedEvent];
    } catch {
      return [];
    }
  });
}
