import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { replaceFile } from '../checkpoint/atomic-file.ts';
import { pathExists } from '../checkpoint/output-path.ts';
import type { Role } from '../evaluation/figure.ts';
import type { SampleEvent } from './events.ts';
import type { RunIo } from './run-io.ts';

/** What a picture of a job shows, whichever state of the model draws it. */
export interface SampleSubject {
  readonly role: Role;
  /** Of the prompt among the job's prompts of that role, from 0. */
  readonly number: number;
  readonly prompt: string;
  readonly seed: number;
}

/** Which state of the model drew a picture. */
export type SampleMoment = Pick<SampleEvent, 'which' | 'step' | 'strength'>;

/** The pictures of a job: `samples/<which>-<step>-<role>-<number>-<seed>[-strength-<strength>].png`. */
export class SampleFolder {
  private readonly folder: string;
  private readonly io: RunIo;
  private readonly told: Set<string>;

  constructor(jobFolder: string, io: RunIo) {
    this.folder = path.join(jobFolder, 'samples');
    this.io = io;
    // By name: the job's folder may have been moved since.
    this.told = new Set(
      io.past.flatMap((event) => (event.event === 'sample' ? [path.basename(event.file)] : [])),
    );
  }

  /** Keeps a picture and tells of it, each unless it was done before. */
  async publish(subject: SampleSubject, moment: SampleMoment, png: Uint8Array): Promise<void> {
    const file = this.fileOf(subject, moment);
    if (!(await pathExists(file))) await replaceFile(file, png);
    this.tell(file, subject, moment);
  }

  /** Whether a picture is there already; it is told of, if it was not yet. */
  async has(subject: SampleSubject, moment: SampleMoment): Promise<boolean> {
    const file = this.fileOf(subject, moment);
    if (!(await pathExists(file))) return false;
    this.tell(file, subject, moment);
    return true;
  }

  /** The PNG that was drawn of a subject after that many steps; null where there is none. */
  async find(subject: SampleSubject, step: number): Promise<Buffer | null> {
    for (const which of ['before', 'during', 'after'] as const) {
      const file = this.fileOf(subject, { which, step });
      if (await pathExists(file)) return readFile(file);
    }
    return null;
  }

  private tell(file: string, { prompt, role, seed }: SampleSubject, moment: SampleMoment): void {
    const name = path.basename(file);
    if (this.told.has(name)) return;
    this.told.add(name);
    this.io.onEvent({ event: 'sample', file, prompt, ...moment, role, seed });
  }

  private fileOf(
    { role, number, seed }: SampleSubject,
    { which, step, strength }: SampleMoment,
  ): string {
    const end = strength === undefined ? '' : `-strength-${strength}`;
    return path.join(this.folder, `${which}-${step}-${role}-${number}-${seed}${end}.png`);
  }
}
