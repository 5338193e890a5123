import { html, type Markup } from './markup.ts';

/** A line of a chart. */
export interface Series {
  readonly name: string;
  /** Class that gives it its colour. */
  readonly className: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface ChartContent {
  readonly title: string;
  readonly series: readonly Series[];
  /** Powers of ten at even distances; only for values above 0. */
  readonly isLogarithmic: boolean;
  /** Of 640 units of width. */
  readonly height: number;
}

const width = 640;
const margin = { left: 52, right: 12, top: 12, bottom: 28 };
/** More would only make the file larger: there are not more pixels. */
const maxPoints = 400;

/** A chart of values over steps as SVG: the values thin, their running mean over them. */
export function drawChart({ title, series, isLogarithmic, height }: ChartContent): Markup {
  const scale = isLogarithmic ? Math.log10 : (value: number) => value;
  const lines = series.map(({ points, ...line }) => ({
    ...line,
    points: thin(points.filter(({ y }) => Number.isFinite(scale(y)))),
  }));
  const all = lines.flatMap(({ points }) => points);
  if (all.length === 0) return html``;
  const xs = span(all.map(({ x }) => x));
  const values = all.map(({ y }) => scale(y));
  const ys = padded(span(isLogarithmic ? values : [0, ...values]));
  const place = {
    x: (x: number) =>
      margin.left + ((x - xs.low) / (xs.high - xs.low)) * (width - margin.left - margin.right),
    y: (scaled: number) =>
      height -
      margin.bottom -
      ((scaled - ys.low) / (ys.high - ys.low)) * (height - margin.top - margin.bottom),
  };
  const path = (points: Series['points']) =>
    points
      .map(
        ({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${round(place.x(x))} ${round(place.y(scale(y)))}`,
      )
      .join('');
  const yTicks = isLogarithmic ? powerTicks(ys) : evenTicks(ys, Math.ceil(height / 60));
  return html`<figure class="chart">
    <figcaption>
      ${title}
      ${lines.map(({ name, className }) => html`<span class="key ${className}">${name}</span>`)}
    </figcaption>
    <svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">
      ${yTicks.map(
        (tick) =>
          html`<path
              class="grid"
              d="M${margin.left} ${round(place.y(tick))}H${width - margin.right}"
            />
            <text class="y" x="${margin.left - 8}" y="${round(place.y(tick) + 4)}">
              ${formatTick(isLogarithmic ? 10 ** tick : tick)}
            </text>`,
      )}
      ${evenTicks(xs, 6)
        .filter((tick) => Number.isInteger(tick))
        .map(
          (tick) =>
            html`<text class="x" x="${round(place.x(tick))}" y="${height - 8}">${tick}</text>`,
        )}
      ${lines.map(
        ({ className, points }) =>
          html`<path class="raw ${className}" d="${path(points)}" />
            <path class="mean ${className}" d="${path(smooth(points))}" />`,
      )}
    </svg>
  </figure>`;
}

interface Span {
  readonly low: number;
  readonly high: number;
}

function span(values: readonly number[]): Span {
  const low = values.reduce((least, value) => Math.min(least, value), Infinity);
  const high = values.reduce((most, value) => Math.max(most, value), -Infinity);
  // A single value has a place too.
  return low < high ? { low, high } : { low: low - 0.5, high: high + 0.5 };
}

function padded({ low, high }: Span): Span {
  const gap = 0.05 * (high - low);
  return { low: low === 0 ? 0 : low - gap, high: high + gap };
}

/** Means of neighbours, so many that no more than `maxPoints` are left. */
function thin(points: Series['points']): Series['points'] {
  const size = Math.ceil(points.length / maxPoints);
  const groups = Array.from({ length: Math.ceil(points.length / Math.max(1, size)) }, (_, i) =>
    points.slice(i * size, (i + 1) * size),
  );
  return groups.map((group) => ({
    x: group.at(-1)?.x ?? 0,
    y: group.reduce((sum, { y }) => sum + y, 0) / group.length,
  }));
}

/** Mean of each point's neighbourhood, a tenth of the line wide. */
function smooth(points: Series['points']): Series['points'] {
  const reach = Math.floor(points.length / 20);
  return points.map(({ x }, i) => {
    const near = points.slice(Math.max(0, i - reach), i + reach + 1);
    return { x, y: near.reduce((sum, { y }) => sum + y, 0) / near.length };
  });
}

/** Round numbers at even distances, about as many as asked for. */
function evenTicks({ low, high }: Span, count: number): number[] {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step);
  const last = Math.floor(high / step);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** Logarithms of 1, 2 and 5 times powers of ten; of powers alone where they are enough. */
function powerTicks({ low, high }: Span): number[] {
  const ticks = (factors: readonly number[]) =>
    evenTicks({ low: Math.floor(low), high: Math.ceil(high) }, Math.ceil(high - low) + 1)
      .filter(Number.isInteger)
      .flatMap((power) => factors.map((factor) => power + Math.log10(factor)))
      .filter((tick) => tick >= low && tick <= high);
  const powers = ticks([1]);
  return powers.length >= 3 ? powers : ticks([1, 2, 5]);
}

function formatTick(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}
