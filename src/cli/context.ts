import type { Config } from '../config.ts';
import type { Device } from '../runtime/device.ts';
import type { Terminal } from './terminal.ts';

/** What every command is given; tests give their own. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly config: Config;
  readonly chooseDevice: (wanted: Device | 'auto') => Promise<Device>;
  /** The module of the training process, if not the one that trains. */
  readonly trainingWorker?: URL;
}
