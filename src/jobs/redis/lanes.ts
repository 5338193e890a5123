import { type Device, devices } from '../../runtime/device.ts';
import { appVersion } from '../../version.ts';

/** What a job needs of whoever works on it. */
export interface Needs {
  readonly device: Device | 'auto';
}

/** What a worker has. */
export interface Abilities {
  readonly device: Device;
}

/**
 * The queue of all jobs with the same needs: BullMQ has none for a worker to choose a job within. Its version is
 * part of it, as a worker of another one could not go on with the job.
 */
export function laneOf({ device }: Needs): string {
  return `${appVersion}_${device}`;
}

/** Whether a worker can do what waits in a queue. */
export function canWork(lane: string, has: Abilities): boolean {
  const [version, device] = lane.split('_');
  if (version !== appVersion || device === undefined) return false;
  return device === 'auto' || (device === has.device && devices.includes(has.device));
}
