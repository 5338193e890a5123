import type { EraseRequest } from '../../src/jobs/request/draft-job.ts';
import { wholeNumber } from '../../src/cli/parse-option.ts';

/**
 * The options of measurements for settings that differ from the defaults, `--settings '{"steps":90}'`, and
 * for the shape in which all is drawn, trained and counted.
 */
export const settingOptions = {
  settings: { type: 'string', default: '{}' },
  width: { type: 'string', default: '64' },
  height: { type: 'string', default: '64' },
} as const;

type Values = Readonly<Record<keyof typeof settingOptions, string>>;

/** @returns the settings, which are checked as those of any request */
export function settingsFrom(values: Values): EraseRequest['settings'] {
  return { ...shapeFrom(values), ...(JSON.parse(values.settings) as EraseRequest['settings']) };
}

/** In pixels. */
export function shapeFrom({ width, height }: Values): { width: number; height: number } {
  return { width: wholeNumber(8)(width), height: wholeNumber(8)(height) };
}
