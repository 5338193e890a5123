import { stat } from 'node:fs/promises';
import path from 'node:path';

import { pathExists } from '../../checkpoint/output-path.ts';
import type { EraseJob } from '../../erase/job.ts';
import type { JobStatus } from '../job-status.ts';
import type { StoredJob } from '../ports.ts';
import { type JobDraft, readDraft } from '../request/job-draft.ts';
import { EventLog } from './event-log.ts';
import { jobPathOf, openJobFolder } from './job-folder.ts';
import { readStatus, writeStatus } from './status-file.ts';

/** A job in a folder of its own: `request.yaml`, `job.yaml`, `status.json`, `events.ndjson`. */
export class StoredFolder extends EventLog implements StoredJob {
  get id(): string {
    return path.basename(this.path);
  }

  readDraft(): Promise<JobDraft | null> {
    return readDraft(this.path);
  }

  async readJob(): Promise<EraseJob | null> {
    if (!(await pathExists(jobPathOf(this.path)))) return null;
    return (await openJobFolder(this.path)).job;
  }

  readStatus(): Promise<JobStatus> {
    return readStatus(this.path, () => this.readEvents());
  }

  writeStatus(status: JobStatus): Promise<void> {
    return writeStatus(this.path, status);
  }

  async eventsSize(): Promise<number> {
    const found = await stat(this.eventsPath).catch(() => null);
    return found?.size ?? 0;
  }
}
