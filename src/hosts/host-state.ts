import { setTimeout as sleep } from 'node:timers/promises';

import { AppError } from '../errors.ts';
import type { Host, HostModel } from './host.ts';

/** What is known of a host's models. */
export interface HostState {
  readonly models: readonly HostModel[];
  readonly active: string | null;
}

/** Views do without news of a host that takes longer. */
const GLANCE_MS = 1500;

/** The state of a host for those who must know it, and for those who only show it. */
export class HostStates {
  private readonly host: Host;
  private last: HostState = { models: [], active: null };
  private reading: { readonly since: number; readonly state: Promise<HostState> } | null = null;

  constructor(host: Host) {
    this.host = host;
  }

  /**
   * The state as it is.
   *
   * @throws AppError `host.*`
   */
  async read(): Promise<HostState> {
    const [models, active] = await Promise.all([this.host.listModels(), this.host.activeModel()]);
    this.last = { models, active };
    return this.last;
  }

  /** The state as it is, or was when the host last answered. */
  async glance(): Promise<HostState> {
    this.reading ??= { since: performance.now(), state: this.readOnce() };
    const left = GLANCE_MS - (performance.now() - this.reading.since);
    const enough = sleep(Math.max(0, left), null, { ref: false });
    try {
      return (await Promise.race([this.reading.state, enough])) ?? this.last;
    } catch (error) {
      if (error instanceof AppError) return this.last;
      throw error;
    }
  }

  /** Makes the next glance one at the host as it is from now on. */
  forget(): void {
    this.reading = null;
  }

  private async readOnce(): Promise<HostState> {
    try {
      return await this.read();
    } finally {
      this.reading = null;
    }
  }
}
