import path from 'node:path';

import { describeReading } from '../diffusion/prediction-reading.ts';
import type { ClassifierChoice } from '../evaluation/classifier/classifier-choice.ts';
import type { JobAttack } from '../contract/attack-view.ts';
import type { Evaluation } from '../evaluation/evaluation.ts';
import type { Figure, Role } from '../evaluation/figure.ts';
import { hasOtherNegative } from '../evaluation/picture-group.ts';
import { worstFirst } from '../evaluation/worst-first.ts';
import { describeCompanions } from '../erase/companions.ts';
import type { ProgressEvent } from '../erase/events.ts';
import type { EraseJob } from '../erase/job.ts';
import { formatBytes } from '../format-bytes.ts';
import { methodOf, steeredTo, stepsOf, trainingOf, trainSetOf } from '../methods/registry.ts';
import { trainSetTitles } from '../methods/settings-fields.ts';
import { drawChart } from './chart.ts';
import { describeShapes } from '../erase/picture-shapes.ts';
import { describeSettings } from './describe-settings.ts';
import { describeConcepts } from './describe-concepts.ts';
import { describeFigure, describeResult } from './describe-figure.ts';
import type { JobStory } from './job-story.ts';
import {
  type ReportedPictures,
  renderPairs,
  renderStrengths,
  renderStrips,
} from './render-pictures.ts';
import { renderAttacks } from './render-attacks.ts';
import { renderJudged } from './render-judged.ts';
import { html, Markup } from './markup.ts';
import { reportStyle } from './report-style.ts';

/** Prompts that are listed one by one; a list of thousands tells nobody anything. */
const maxListed = 200;

/** A model's file as a report names it. */
export interface ReportedModel {
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface ReportContent extends ReportedPictures {
  readonly job: EraseJob;
  readonly story: JobStory;
  /** What was erased, in few words. */
  readonly concept: string;
  readonly original: ReportedModel;
  readonly result: ReportedModel;
  /** Outer steps that made the result. */
  readonly steps: number;
  readonly finishedAt: Date;
  /** Whether a web UI drew the pictures of the sets that none were given for. */
  readonly isDrawnByHost: boolean;
  /** Attacks on the result, as far as any were made. */
  readonly attacks: readonly JobAttack[];
}

/** A whole job as one page of HTML that needs nothing else: no script, no request. */
export function renderReport(content: ReportContent): string {
  const { job, story, concept } = content;
  const page = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta
        http-equiv="Content-Security-Policy"
        content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"
      />
      <title>Without ${concept}: report</title>
      <style>
        ${new Markup(reportStyle)}
      </style>
    </head>
    <body>
      <main class="${job.settings.width <= 128 ? 'pixels' : ''}">
        ${renderHead(content)} ${renderFigures(content)}
        ${story.notices.map((notice) => html`<p class="callout"><bdi>${notice}</bdi></p>`)}
        ${renderPairs(content)} ${renderStrengths(content)} ${renderAttacks(content.attacks)}
        ${renderStrips(content)} ${renderTraining(content)} ${renderPrompts(content)}
        ${renderSettings(content)} ${renderFiles(content)}
        <footer>
          Made by Erase Concept ${job.appVersion} on ${formatDate(content.finishedAt)}. Everything
          in this file is in it: it loads nothing and sends nothing.
        </footer>
      </main>
    </body>
  </html>`;
  return `<!doctype html>\n${page.text}\n`;
}

function renderHead({ job, concept, original, steps }: ReportContent): Markup {
  const training = trainingOf(job.settings);
  return html`<p class="kicker">Erase Concept · report</p>
    <h1>Without “<bdi>${concept}</bdi>”</h1>
    <p class="lead">
      The model <bdi>${original.name}</bdi> was
      ${training ? `trained for ${count(steps, 'step')}` : 'changed, without training,'} to forget
      what ${count(job.forget.length, 'prompt')} drew and to go on drawing
      ${count(job.retain.length, 'other')} as before. What changed is
      ${trainSetTitles[trainSetOf(job.settings)]}; the original file is as it was.
    </p>`;
}

function renderFigures({ job, story: { evaluation }, pictures }: ReportContent): Markup {
  if (!evaluation) {
    const hasPictures = pictures.pairs.forget.length + pictures.pairs.retain.length > 0;
    return html`<p class="callout">
      Nothing was measured: this job asked for no evaluation.
      ${hasPictures ? 'The pictures below show what changed; the' : 'The'} command
      <code>erase-concept evaluate</code> measures it.
    </p>`;
  }
  const { figures, forget, retain, atOtherClipSkip: other } = evaluation;
  const limits = [...new Set(figures.flatMap((figure) => figure.limits ?? []))];
  const isBeside = ({ group }: Figure) => hasOtherNegative(group);
  const besides = figures.filter(isBeside);
  return html`<ul class="figures">
      ${figures.filter((figure) => !isBeside(figure)).map(renderFigure)}
    </ul>
    ${
      besides.length > 0
        ? html`<h3>With the negative prompts that people write</h3>
            <ul class="figures">
              ${besides.map(renderFigure)}
            </ul>`
        : null
    }
    ${figures.flatMap(({ caution }) => (caution === null ? [] : html`<p class="callout">${caution}</p>`))}
    ${renderConcepts(evaluation)}
    ${
      other
        ? html`<h3>At clip skip ${String(other.clipSkip)}</h3>
            <p class="note">
              The figures above are of clip skip ${String(job.settings.clipSkip)}, with which the
              model is drawn here. Drawn at ${String(other.clipSkip)}, the same prompts and noise
              give:
            </p>
            <ul class="figures">
              ${other.figures.map(renderFigure)}
            </ul>`
        : null
    }
    <h3>What these figures mean, and what they do not</h3>
    <p class="note">Both models drew the same prompts from the same noise.</p>
    <ul class="note">
      ${limits.map((limit) => html`<li>${limit}</li>`)}
    </ul>
    <p class="note">
      Only these prompts were drawn: ${count(forget.pictures, 'picture')} of forgotten prompts (each
      is ${share(forget.pictures)}) and ${retain.pictures} of kept ones. The ranges are where the
      true values lie with a confidence of 95 %. Other words for the concept, a picture to start
      from, or further training may still bring it back.
    </p>
    ${renderResults(evaluation)}`;
}

/** Prompt by prompt, the worst first. */
function renderResults({ prompts }: Evaluation): Markup {
  const results = worstFirst(prompts);
  return html`<h3>Prompt by prompt, the worst first</h3>
    <ol class="note">
      ${results
        .slice(0, maxListed)
        .map(
          (result) => html`<li><bdi>${result.prompt.prompt}</bdi>: ${describeResult(result)}</li>`,
        )}
    </ol>`;
}

/** The figures of each of several concepts. */
function renderConcepts(evaluation: Evaluation): Markup | null {
  const table = describeConcepts(evaluation);
  if (!table) return null;
  return html`<h3>Each concept</h3>
    <table class="rows">
      <thead>
        <tr>
          ${table.head.map((title) => html`<th scope="col">${title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${table.rows.map(
          (cells) =>
            html`<tr>
              ${cells.map((cell) => html`<td><bdi>${cell}</bdi></td>`)}
            </tr>`,
        )}
      </tbody>
    </table>`;
}

function renderFigure(figure: Figure): Markup {
  const { before, after, meaning, confidence } = describeFigure(figure);
  return html`<li class="${figure.role}">
    <span>${figure.title}</span>
    <strong>${before === null ? null : html`<small>${before} →</small> `}${after}</strong>
    <span>${meaning}</span>
    ${confidence === null ? null : html`<small>95 %: ${confidence}</small>`}
  </li>`;
}

function share(pictures: number): string {
  return `${(100 / pictures).toFixed(pictures > 20 ? 1 : 0)} % of the figure`;
}

const directions = [
  { figure: 'forgetCosine', name: 'with forgetting' },
  { figure: 'retainCosine', name: 'with keeping' },
] as const;
const losses = [
  { figure: 'forgetLoss', name: 'forget' },
  { figure: 'retainLoss', name: 'retain' },
] as const;

function renderTraining({ job, steps, story: { progress, judged, runs } }: ReportContent): Markup {
  const { figures, words } = methodOf(job.settings);
  const last = progress.at(-1);
  if (!last) {
    if (figures.length > 0) return html``;
    return html`<h2>How it was changed</h2>
      <p class="note">${words.losses}</p>`;
  }
  const line = (value: (point: ProgressEvent) => number | null) =>
    progress.flatMap((point) => {
      const y = value(point);
      return y === null ? [] : [{ x: point.step, y }];
    });
  return html`<h2>Training</h2>
    <p class="note">
      ${words.losses}
      ${runs > 1 ? `The job was resumed ${runs === 2 ? 'once' : `${runs - 1} times`}. ` : ''}A step
      took ${last.secondsPerStep.toFixed(2)} s.
    </p>
    ${drawChart({
      title: 'Loss over the steps',
      isLogarithmic: true,
      height: 220,
      series: losses
        .filter(({ figure }) => figures.includes(figure))
        .map(({ figure, name }) => ({ name, className: name, points: line((of) => of[figure]) })),
    })}
    ${
      figures.includes('lambda')
        ? drawChart({
            title: 'λ over the steps',
            isLogarithmic: false,
            height: 120,
            series: [{ name: 'λ', className: 'lambda', points: line(({ lambda }) => lambda) }],
          })
        : null
    }
    ${
      figures.includes('forgetCosine')
        ? drawChart({
            title: 'Direction of the steps: cosine with each gradient (1: with it, −1: against it)',
            isLogarithmic: false,
            height: 160,
            series: directions.map(({ figure, name }) => ({
              ...{ name, className: figure === 'forgetCosine' ? 'forget' : 'retain' },
              points: line((of) => of[figure] ?? null),
            })),
          })
        : null
    }
    ${renderJudged(judged, steps)}`;
}

const setTitles: Readonly<Record<Role, string>> = {
  forget: 'The pictures to forget',
  retain: 'Those to keep',
};

function renderPrompts({ job, isDrawnByHost }: ReportContent): Markup {
  const { forget, retain, forgetImages, retainImages } = job;
  const method = methodOf(job.settings);
  const isSteered = method.steersToAnchors(job.settings);
  const drawn = `drawn by the model itself${isDrawnByHost ? ', in the web UI' : ''}`;
  const given = { forget: forgetImages, retain: retainImages };
  const sources =
    method.pictures.length === 0
      ? [`${method.words.name} went by these prompts alone, without pictures.`]
      : method.pictures.map(
          (role) => `${setTitles[role]} were ${given[role] === null ? drawn : 'given'}.`,
        );
  const rest = (all: readonly unknown[]) =>
    all.length > maxListed ? html`<p class="note">and ${all.length - maxListed} more</p>` : null;
  return html`<h2>What was forgotten and what was kept</h2>
    <p class="note">${sources.join(' ')}</p>
    <table class="rows">
      <thead>
        <tr>
          <th scope="col">Forgotten prompt</th>
          ${isSteered ? html`<th scope="col">steered to</th>` : null}
        </tr>
      </thead>
      <tbody>
        ${forget.slice(0, maxListed).map(
          ({ prompt, anchor }) =>
            html`<tr>
              <td><bdi>${prompt}</bdi></td>
              ${isSteered ? html`<td><bdi>${steeredTo(job.settings, anchor)}</bdi></td>` : null}
            </tr>`,
        )}
      </tbody>
    </table>
    ${rest(forget)}
    <h3>Kept prompts</h3>
    <ul class="columns">
      ${retain.slice(0, maxListed).map((prompt) => html`<li><bdi>${prompt}</bdi></li>`)}
    </ul>
    ${rest(retain)}`;
}

function renderSettings({ job, steps }: ReportContent): Markup {
  const rows = [
    ...describeCompanions(job).map(({ title, text }) => [title, text] as const),
    ...(job.prediction ? [['The model predicts', describeReading(job.prediction)] as const] : []),
    ...describeSettings(job.settings, job.drawingSources),
    ...(job.shapes.length > 0 ? [['Trained at', describeShapes(job.shapes)] as const] : []),
    ['Preset', job.preset ?? 'none'],
    ...job.judges.map((judge) => ['Judge', describeJudge(judge)] as const),
    ['Device', job.device === 'cpu' ? `CPU, ${job.threads} threads` : job.device],
    ...(steps === stepsOf(job.settings) ? [] : [['Steps of the result', String(steps)]]),
  ] as const;
  return html`<h2>Settings</h2>
    <dl>
      ${rows.map(
        ([name = '', value = '']) =>
          html`<dt>${name}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>`;
}

function describeJudge({ name, file, classes }: ClassifierChoice): string {
  const names = classes.map((label) => `“${label}”`).join(' or ');
  return `${name} (${path.basename(file)}), looks for ${names}`;
}

function renderFiles({ job, original, result, finishedAt }: ReportContent): Markup {
  const model = ({ name, sha256, bytes }: ReportedModel) =>
    html`<dd><bdi>${name}</bdi>, ${formatBytes(bytes)}<br /><code>SHA-256 ${sha256}</code></dd>`;
  return html`<h2>Files</h2>
    <dl>
      <dt>Original</dt>
      ${model(original)}
      <dt>Scrubbed</dt>
      ${model(result)}
      <dt>Job</dt>
      <dd>${job.id}</dd>
      <dt>Asked for</dt>
      <dd>${formatDate(new Date(job.createdAt))}</dd>
      <dt>Done</dt>
      <dd>${formatDate(finishedAt)}</dd>
      <dt>Version</dt>
      <dd>Erase Concept ${job.appVersion}</dd>
    </dl>`;
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}

/** `2026-11-24 04:15 UTC`: the same for everyone who reads it. */
function formatDate(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
