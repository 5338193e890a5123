import { useEffect, useMemo, useRef } from 'preact/hooks';
import uPlot from 'uplot';

import type { ProgressPoint } from '../../src/contract/job-views.ts';
import {
  defaultMethod,
  findMethod,
  type MethodId,
  type WatchedFigure,
} from '../../src/methods/registry.ts';
import { onThemeChange } from '../theme.ts';
import { formatLoss, formatNumber } from '../languages/format.ts';
import { language, type Text } from '../languages/language.ts';
import { told } from '../languages/told.ts';
import { t } from '../languages/words.ts';

interface Series {
  readonly figure: WatchedFigure;
  readonly name: Text;
  /** The class that gives it its colour. */
  readonly colour: 'forget' | 'retain' | 'lambda';
}

const losses: readonly Series[] = [
  { name: 'Forget loss', colour: 'forget', figure: 'forgetLoss' },
  { name: 'Keep loss', colour: 'retain', figure: 'retainLoss' },
];
const directions: readonly Series[] = [
  { name: 'With forgetting', colour: 'forget', figure: 'forgetCosine' },
  { name: 'With keeping', colour: 'retain', figure: 'retainCosine' },
];
const weights: readonly Series[] = [
  { name: 'λ, weight of forgetting', colour: 'lambda', figure: 'lambda' },
];

/** The losses and λ over the steps, as far as the method has them. */
export function TrainingPlots({
  points,
  method = defaultMethod,
}: {
  points: readonly ProgressPoint[];
  method: MethodId | undefined;
}) {
  const { figures, words } = findMethod(method);
  // The same lists at every drawing: a plot begins anew with another one.
  const [ownLosses, ownWeights, ownDirections] = useMemo(
    () =>
      [losses, weights, directions].map((all) =>
        all.filter(({ figure }) => figures.includes(figure)),
      ),
    [method],
  );
  // Jobs of earlier versions did not tell it.
  const isDirectionKnown = points.some((point) => typeof point.forgetCosine === 'number');
  return (
    <section class="plots" aria-label={t('Training')}>
      {ownLosses && ownLosses.length > 0 && (
        <Plot
          title={t('Losses')}
          help={told(words.watching ?? '')}
          series={ownLosses}
          points={points}
        />
      )}
      {ownWeights && ownWeights.length > 0 && (
        <Plot
          title={t('Weight')}
          help={t('How much forgetting counts against keeping in each step.')}
          series={ownWeights}
          points={points}
        />
      )}
      {ownDirections && ownDirections.length > 0 && isDirectionKnown && (
        <Plot
          title={t('Direction')}
          help={t(
            'Cosine of each step with the gradient of forgetting and with that of keeping: 1 goes with it, −1 against it.',
          )}
          series={ownDirections}
          points={points}
        />
      )}
    </section>
  );
}

interface PlotProps {
  readonly title: string;
  readonly help: string;
  readonly series: readonly Series[];
  readonly points: readonly ProgressPoint[];
}

function Plot({ title, help, series, points }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = points.at(-1);
  const data: uPlot.AlignedData = [
    points.map(({ step }) => step),
    ...series.map(({ figure }) => points.map((point) => point[figure] ?? null)),
  ];
  const shown = useRef(data);
  shown.current = data;
  // The whole way is shown from the start.
  const steps = useRef(0);
  steps.current = latest?.steps ?? 0;

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(
        plotOptions(element, series, () => steps.current),
        shown.current,
        element,
      );
    };
    draw();
    const observer = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: plotHeight }),
    );
    observer.observe(element);
    const end = onThemeChange(draw);
    return () => {
      end();
      observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [series, language.value]);
  useEffect(() => plot.current?.setData(data));

  const values = series.map(
    ({ name, figure }) => `${t(name)} ${latest ? formatLoss(latest[figure] ?? null) : ''}`,
  );
  return (
    <figure class="plot">
      <figcaption>
        <h2>{title}</h2>
        <ul class="legend">
          {series.map(({ name, colour, figure }) => (
            <li key={name} class={colour}>
              {t(name)} <b>{latest && formatLoss(latest[figure] ?? null)}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <div
        ref={place}
        role="img"
        aria-label={t('{title} over {count, plural, one {# step} other {# steps}}; now {values}', {
          title,
          count: points.length,
          values: values.join(', '),
        })}
      />
      <p class="help">{help}</p>
    </figure>
  );
}

const plotHeight = 160;

/** Colours come from the style sheet: the canvas knows no classes. */
function plotOptions(
  element: HTMLElement,
  series: readonly Series[],
  steps: () => number,
): uPlot.Options {
  const figure = element.closest('figure');
  const colourOf = (selector: string) => {
    const styled = figure?.querySelector(selector);
    return styled ? getComputedStyle(styled).color : 'gray';
  };
  const text = colourOf('.help');
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  const axis = {
    stroke: text,
    font,
    grid: { stroke: getComputedStyle(element).borderTopColor, width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: plotHeight,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    scales: {
      x: { time: false, range: (_plot, _from, to) => [0, Math.max(to, steps())] },
      y: { range: { min: { pad: 0.1, soft: 0, mode: 2 }, max: { pad: 0.1 } } },
    },
    axes: [
      { ...axis, size: 26, gap: 4, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
      {
        ...axis,
        ...{ size: 52, gap: 6, space: 36 },
        // By itself it gives three decimals: 0.0005 would be 0.001.
        values: (_plot, ticks) =>
          ticks.map((tick) => formatNumber(tick, { maximumSignificantDigits: 4 })),
      },
    ],
    series: [
      {},
      ...series.map(({ name, colour }) => ({
        label: t(name),
        stroke: colourOf(`.${colour}`),
        width: 1.75,
        points: { show: false },
      })),
    ],
  };
}
