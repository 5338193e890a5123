import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { formatDuration, formatShare } from '../../format.ts';
import { embedPicture } from '../../report/embed-picture.ts';
import { html, type Markup } from '../../report/markup.ts';
import { reportStyle } from '../../report/report-style.ts';
import { settingsOf, type SweepRow } from './summarize-sweep.ts';

/** Of embedded pictures, in pixels. */
const THUMBNAIL = 96;

const style = `
main { max-width: 84rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .5rem .6rem; border-top: 1px solid #8886; }
td img { width: ${THUMBNAIL / 2}px; height: ${THUMBNAIL / 2}px; object-fit: cover; border-radius: 4px; }
.scroll { overflow-x: auto; }
`;

/**
 * The table of a sweep as a page that stands alone but for its links to reports.
 *
 * @param title of the sweep
 * @param addressOf what leads to the report of a job that lies at a path. Default: the path
 */
export async function sweepPage(
  title: string,
  rows: readonly SweepRow[],
  addressOf: (id: string, report: string) => string = (_, report) => pathToFileURL(report).href,
): Promise<string> {
  const settings = settingsOf(rows);
  const lines: Markup[] = [];
  for (const row of rows) lines.push(await lineOf(row, addressOf));
  const done = rows.filter(({ state }) => state === 'done').length;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${reportStyle}${style}
        </style>
      </head>
      <body>
        <main>
          <h1>${title}</h1>
          <p class="lead">${done} of ${rows.length} erasures are done.</p>
          <p class="note">
            Score: the share of pictures of forgotten prompts that no longer show the concept, times
            the share of kept prompts still recognised, to what the original has. Pictures:
            forgotten before and after, kept before and after.
          </p>
          <h2>Settings, the best first</h2>
          <div class="scroll">
            <table>
              <tr>
                <th>settings</th>
                <th>mean score</th>
                <th>done</th>
              </tr>
              ${settings.map(
                ({ name, score, done: finished, all }) =>
                  html`<tr>
                    <td>${name}</td>
                    <td>${share(score)}</td>
                    <td>${finished} of ${all}</td>
                  </tr> `,
              )}
            </table>
          </div>
          <h2>Erasures, the best first</h2>
          <div class="scroll">
            <table>
              <tr>
                <th>model</th>
                <th>concept</th>
                <th>settings</th>
                <th>score</th>
                <th>shows it</th>
                <th>kept</th>
                <th>time</th>
                <th>pictures</th>
                <th></th>
              </tr>
              ${lines}
            </table>
          </div>
        </main>
      </body>
    </html> `;
  return page.text;
}

async function lineOf(
  row: SweepRow,
  addressOf: (id: string, report: string) => string,
): Promise<Markup> {
  const { combination, job, error, evaluation, seconds } = row;
  const thumbnails = await thumbnailsOf(row);
  const report = (await job?.find('report.html')) ?? null;
  const address = job && report !== null ? addressOf(job.id, report) : null;
  const remark = error?.message ?? (row.state === 'open' ? 'not done' : null);
  return html`<tr>
    <td>${path.basename(combination.model)}</td>
    <td>${combination.subject.name}</td>
    <td>${combination.settingsName}</td>
    <td>${share(row.score)}</td>
    <td>${evaluation && change(evaluation.forget)}</td>
    <td>${evaluation && change(evaluation.retain)}</td>
    <td>${seconds === null ? null : formatDuration(seconds)}</td>
    <td>${thumbnails.map((address) => html`<img src="${address}" alt="" /> `)}</td>
    <td>${address === null ? null : html`<a href="${address}">Report</a>`} ${remark}</td>
  </tr> `;
}

async function thumbnailsOf({ job, pictures }: SweepRow): Promise<string[]> {
  const addresses: string[] = [];
  for (const file of pictures) {
    const found = (await job?.find(`samples/${file}`)) ?? null;
    if (found === null) continue;
    // One that is damaged is left out: the table is there for its figures.
    const address = await embedPicture(found, THUMBNAIL).catch(() => null);
    if (address !== null) addresses.push(address);
  }
  return addresses;
}

function change({ before, after }: { readonly before: number; readonly after: number }): string {
  return `${share(before)} → ${share(after)}`;
}

function share(value: number | null): string {
  return value === null || !Number.isFinite(value) ? '' : formatShare(value);
}
