import type { SampleEvent } from '../erase/events.ts';
import type { Role } from '../evaluation/figure.ts';
import { html, type Markup } from './markup.ts';
import type { Pair, ReportPictures, StrengthRow, Strip } from './report-content.ts';

/** What a report shows of a job's pictures. */
export interface ReportedPictures {
  readonly pictures: ReportPictures;
  /** Each shown picture as an address that holds it, by file. */
  readonly embedded: ReadonlyMap<string, string>;
}

const roleTitles: Readonly<Record<Role, string>> = { forget: 'Forgotten', retain: 'Kept' };

/** The same prompts before and after. */
export function renderPairs({ pictures: { pairs }, embedded }: ReportedPictures): Markup {
  if (pairs.forget.length + pairs.retain.length === 0) return html``;
  const picture = ({ file, prompt, which }: SampleEvent) =>
    html`<div>${image(embedded.get(file), `${which}: ${prompt}`)}<span>${which}</span></div>`;
  const isOfHost = [...pairs.forget, ...pairs.retain].some(
    ({ before }) => before.drawnBy === 'host',
  );
  const pair = ({ before, after }: Pair) =>
    html`<figure class="pair">
      <div>${picture(before)}${picture(after)}</div>
      <figcaption><bdi>${before.prompt}</bdi></figcaption>
    </figure>`;
  return html`<h2>Before and after</h2>
    <p class="note">
      The same prompt and the same noise, drawn by both
      models${isOfHost ? ' in the web UI; the figures are of pictures that this program drew' : ''}.
    </p>
    ${(['forget', 'retain'] as const).map((role) =>
      pairs[role].length === 0
        ? null
        : html`<h3>${roleTitles[role]}</h3>
            <div class="pairs">${pairs[role].map(pair)}</div>`,
    )}`;
}

/** The LoRA at several strengths; nothing where there are none. */
export function renderStrengths({ pictures: { strengths }, embedded }: ReportedPictures): Markup {
  const [first] = strengths;
  if (!first) return html``;
  const row = (of: StrengthRow) =>
    html`<tr>
      ${rowHead(of[0]?.sample)}
      ${of.map(
        ({ strength, sample: { file, prompt } }) =>
          html`<td>${image(embedded.get(file), `strength ${strength}: ${prompt}`)}</td>`,
      )}
    </tr>`;
  return html`<h2>At other strengths</h2>
    <p class="note">
      The same noise with the LoRA on top of the original at several strengths: 0 is the original, 1
      what was trained.
    </p>
    <div class="scroll">
      <table class="strips">
        <thead>
          <tr>
            <th></th>
            ${first.map(({ strength }) => html`<th scope="col">${String(strength)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${strengths.map(row)}
        </tbody>
      </table>
    </div>`;
}

/** The first cell of a row of pictures: whose they are. */
function rowHead(sample: SampleEvent | undefined): Markup {
  const { role, prompt } = sample ?? { role: 'forget' as const, prompt: '' };
  return html`<th scope="row">
    <span class="role ${role}">${roleTitles[role]}</span>
    <bdi>${prompt}</bdi>
  </th>`;
}

/** Previews on the way. */
export function renderStrips({ pictures: { strips }, embedded }: ReportedPictures): Markup {
  const [first] = strips;
  if (!first) return html``;
  const title = ({ which, step }: SampleEvent) => (which === 'during' ? `step ${step}` : which);
  const row = (strip: Strip) =>
    html`<tr>
      ${rowHead(strip[0])}
      ${strip.map((sample) => html`<td>${image(embedded.get(sample.file), `${title(sample)}: ${sample.prompt}`)}</td>`)}
    </tr>`;
  return html`<h2>While it trained</h2>
    <p class="note">The same pictures again and again, drawn in a few steps.</p>
    <div class="scroll">
      <table class="strips">
        <thead>
          <tr>
            <th></th>
            ${first.map((sample) => html`<th scope="col">${title(sample)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${strips.map(row)}
        </tbody>
      </table>
    </div>`;
}

function image(address: string | undefined, description: string): Markup {
  return address === undefined
    ? html`<span>missing</span>`
    : html`<img src="${address}" alt="${description}" />`;
}
