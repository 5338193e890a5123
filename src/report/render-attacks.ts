import type { JobAttack } from '../contract/attack-view.ts';
import { attacks as kinds } from '../attacks/registry.ts';
import { drawChart } from './chart.ts';
import { describePoint, foundPrompts } from './describe-figure.ts';
import { html, type Markup } from './markup.ts';

const colours = ['forget', 'retain', 'lambda'] as const;

/** What came of the attacks on a result; nothing where none was made. */
export function renderAttacks(attacks: readonly JobAttack[]): Markup {
  const done = attacks.filter(({ result }) => result !== null);
  if (done.length === 0) return html``;
  return html`<h2>Does it come back another way?</h2>
    <p class="note">
      Each attack tries to bring back what was forgotten, beside the original. Only what was tried
      is told: it is no promise of safety.
    </p>
    ${done.map(renderAttack)}`;
}

function renderAttack({ kind, result }: JobAttack): Markup {
  const words = kinds.find(({ id }) => id === kind)?.words;
  if (!result || !words) return html``;
  const { curves, asked, caution } = result;
  const places = [...new Set(curves.flatMap(({ points }) => points.map(({ at }) => at)))];
  const labelOf = (place: number) =>
    curves.flatMap(({ points }) => points).find(({ at }) => at === place)?.label ?? String(place);
  return html`<h3>${words.title}</h3>
    <p class="note">${words.help}</p>
    ${drawChart({
      title: `Pictures that show it, in %, by ${words.axis.toLowerCase()}`,
      isLogarithmic: false,
      height: 160,
      series: curves.map(({ title, points }, i) => ({
        ...{ name: title, className: colours[i % colours.length] ?? 'lambda' },
        points: points.map(({ at, shown, pictures }) => ({ x: at, y: (100 * shown) / pictures })),
      })),
    })}
    <div class="scroll">
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">${words.axis}</th>
            ${places.map((place) => html`<th scope="col"><bdi>${labelOf(place)}</bdi></th>`)}
          </tr>
        </thead>
        <tbody>
          ${curves.map(
            ({ title, points }) =>
              html`<tr>
                <th scope="row">${title}</th>
                ${places.map(
                  (place) => html`<td>${describePoint(points.find(({ at }) => at === place))}</td>`,
                )}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${foundPrompts(curves).map((line) => html`<p><bdi>${line}</bdi></p>`)}
    <p class="note">
      Without an attack: the original ${describePoint(asked.original)}, the scrubbed model
      ${describePoint(asked.scrubbed)}. ${words.limits} ${caution}
    </p>`;
}
