import type { EraseRequest } from '../../src/jobs/request/draft-job.ts';

/** The option of measurements for settings that differ from the defaults: `--settings '{"steps":90}'`. */
export const settingOptions = { settings: { type: 'string', default: '{}' } } as const;

/** @returns the settings, which are checked as those of any request */
export function settingsFrom({
  settings,
}: {
  readonly settings: string;
}): EraseRequest['settings'] {
  return JSON.parse(settings) as EraseRequest['settings'];
}
