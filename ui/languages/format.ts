import { locale } from './language.ts';
import { t } from './words.ts';

// Numbers as people of each language write them; English as command line and report have it.

/** A number with as many digits as are asked for. */
export function formatNumber(value: number, options: Intl.NumberFormatOptions = {}): string {
  return new Intl.NumberFormat(locale.value, options).format(value);
}

/** `0.42`. */
export const formatDistance = (value: number) =>
  formatNumber(value, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** @param share from 0 to 1 */
export const formatShare = (share: number) =>
  t('{number} %', { number: formatNumber(Math.round(100 * share)) });

/** With a tenth of a percent. @param share from 0 to 1 */
export const formatTenths = (share: number) =>
  t('{number} %', {
    number: formatNumber(100 * share, { minimumFractionDigits: 1, maximumFractionDigits: 1 }),
  });

/** Four significant digits; `∞` for a loss (null) that went beyond all numbers. */
export function formatLoss(value: number | null): string {
  if (value === null) return '∞';
  const [mantissa, power] = value.toPrecision(4).split('e');
  const digits = (mantissa?.split('.')[1] ?? '').length;
  const number = formatNumber(Number(mantissa), {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    useGrouping: false,
  });
  return power === undefined ? number : `${number}e${power}`;
}

/** In powers of ten, as disks are sold. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return inUnit(bytes / 1e9, 'gigabyte', 2);
  return bytes >= 1e6 ? inUnit(bytes / 1e6, 'megabyte', 0) : inUnit(bytes / 1e3, 'kilobyte', 1);
}

function inUnit(value: number, unit: string, digits: number): string {
  return formatNumber(value, {
    ...{ style: 'unit', unit, useGrouping: false },
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** To the second, from an hour on to the minute. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(whole / 60);
  if (whole < 60) return t('{seconds} s', { seconds: whole });
  if (whole < 3600) return t('{minutes} min {seconds} s', { minutes, seconds: whole % 60 });
  return t('{hours} h {minutes} min', { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

export const formatTime = (time: string | Date) => new Date(time).toLocaleTimeString(locale.value);

/** `3 Dec, 14:05`. */
export const formatMoment = (time: string) =>
  new Date(time).toLocaleString(locale.value, {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  });
