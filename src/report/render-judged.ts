import type { JudgedEvent } from '../erase/events.ts';
import { describeSighting } from '../erase/describe-judged.ts';
import { drawChart, type Series } from './chart.ts';
import { html, type Markup } from './markup.ts';

/** Where a check stands between forgetting and keeping, both in %. */
function placeOf({ shown, pictures, rise }: JudgedEvent): Series['points'][number] {
  return { x: (100 * shown) / pictures, y: 100 * rise };
}

/**
 * What checks of forgotten prompts have found while the model trained; nothing where there were none.
 *
 * @param steps outer steps that made the result
 */
export function renderJudged(judged: readonly JudgedEvent[], steps: number): Markup {
  if (judged.length === 0) return html``;
  const row = ({ step, shown, pictures, rise, concepts = [] }: JudgedEvent) =>
    html`<tr>
      <td>${step}${step === steps ? ' (the result)' : ''}</td>
      <td>
        ${shown} of
        ${pictures}${concepts.map((one) => html`<br /><bdi>${describeSighting(one)}</bdi>`)}
      </td>
      <td>${(100 * rise).toFixed(1)} %</td>
    </tr>`;
  return html`<h3>When it was gone</h3>
    <p class="note">
      A few pictures of forgotten prompts, always of the same noise, were judged on the way; a check
      that sees the concept in several ends early. Training ended when they no longer showed it and
      more steps made nothing better, and the best state by both columns is the result.
    </p>
    ${drawChart({
      title:
        'The way: pictures that show it (to the left: fewer), rise of the loss on kept ones, in %',
      isLogarithmic: false,
      height: 160,
      series: [
        { name: 'checks, in their order', className: 'lambda', points: judged.map(placeOf) },
      ],
    })}
    <table class="rows">
      <thead>
        <tr>
          <th scope="col">Step</th>
          <th scope="col">Pictures that still show it</th>
          <th scope="col">Rise of the loss on kept pictures</th>
        </tr>
      </thead>
      <tbody>
        ${judged.map(row)}
      </tbody>
    </table>`;
}
