import path from 'node:path';

import type { SweepRow } from './summarize-sweep.ts';

/** The table of a sweep as CSV (RFC 4180), a line for each erasure and a pair of columns for each figure. */
export function sweepCsv(rows: readonly SweepRow[]): string {
  const figures = [
    ...new Set(rows.flatMap(({ evaluation }) => evaluation?.figures.map(({ id }) => id) ?? [])),
  ];
  const head = [
    ...['model', 'concept', 'settings', 'state', 'score', 'seconds', 'job', 'result', 'error'],
    ...figures.flatMap((id) => [`${id} before`, `${id} after`]),
  ];
  const lines = rows.map(({ combination, job, error, evaluation, state, score, seconds }) => [
    ...[path.basename(combination.model), combination.subject.name, combination.settingsName],
    ...[state, score, seconds, job?.id, state === 'done' ? job?.output : null, error?.message],
    ...figures.flatMap((wanted) => {
      const figure = evaluation?.figures.find(({ id }) => id === wanted);
      return [figure?.before, figure?.after];
    }),
  ]);
  return [head, ...lines].map((cells) => `${cells.map(cellOf).join(',')}\r\n`).join('');
}

function cellOf(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  // A spreadsheet takes these for the beginning of a formula.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
