import type { JobView } from '../../src/contract/job-views.ts';
import { hasOtherNegative } from '../../src/evaluation/picture-group.ts';
import { worstFirst } from '../../src/evaluation/worst-first.ts';
import { describeConcepts } from '../../src/report/describe-concepts.ts';
import { describeFigure, describeResult } from '../languages/figure-words.ts';
import type { Text } from '../languages/language.ts';
import { told } from '../languages/told.ts';
import { t } from '../languages/words.ts';

type Evaluation = NonNullable<JobView['evaluation']>;
type Figure = Evaluation['figures'][number];

/** How much was erased and how much was kept, each number with what it means. */
export function Numbers({ evaluation }: { evaluation: Evaluation }) {
  const { figures, prompts, atOtherClipSkip: other } = evaluation;
  const besides = figures.filter(({ group }) => hasOtherNegative(group));
  return (
    <>
      <Figures
        label={t('Measured')}
        figures={figures.filter(({ group }) => !hasOtherNegative(group))}
      />
      {besides.length > 0 && (
        <details>
          <summary>{t('With the negative prompts that people write')}</summary>
          <Figures label={t('Measured with negative prompts')} figures={besides} />
        </details>
      )}
      <Concepts evaluation={evaluation} />
      <Prompts prompts={prompts} />
      {other && (
        <details>
          <summary>{t('The same at clip skip {skip}', { skip: other.clipSkip })}</summary>
          <Figures
            label={t('Measured at clip skip {skip}', { skip: other.clipSkip })}
            figures={other.figures}
          />
        </details>
      )}
    </>
  );
}

/** Every prompt that was drawn, the worst first. */
function Prompts({ prompts }: Pick<Evaluation, 'prompts'>) {
  const results = worstFirst(prompts);
  if (results.length === 0) return null;
  return (
    <details class="prompts">
      <summary>{t('Prompt by prompt, the worst first')}</summary>
      <ol>
        {results.map((result, i) => (
          <li key={i} class={result.prompt.role}>
            {result.prompt.prompt} <small>{describeResult(result)}</small>
          </li>
        ))}
      </ol>
    </details>
  );
}

/** The figures of each of several concepts. */
function Concepts({ evaluation }: { evaluation: Evaluation }) {
  const table = describeConcepts(evaluation);
  if (!table) return null;
  return (
    <div class="concepts" role="region" aria-label={t('Each concept')} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {table.head.map((title) => (
              <th key={title} scope="col">
                {told(title)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map(([name, ...cells]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {cells.map((cell, i) => (
                <td key={table.head[i + 1]}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Figures({ label, figures }: { label: string; figures: readonly Figure[] }) {
  return (
    <section class="numbers" aria-label={label}>
      {figures.map((figure) => (
        <Measure key={figure.id} figure={figure} />
      ))}
    </section>
  );
}

const directions: Readonly<Record<Figure['wanted'], Text>> = {
  lower: 'Lower is better.',
  higher: 'Higher is better.',
  unchanged: 'It should stay where it was.',
};

function Measure({ figure }: { figure: Figure }) {
  const { before, after, meaning, confidence } = describeFigure(figure);
  // What a bar's full width stands for: all of the pictures, or what has nothing in common.
  const full = figure.kind === 'share' ? 1 : figure.reference?.value;
  return (
    <div class={`measure ${figure.role}`}>
      <h2>{told(figure.title)}</h2>
      <Change before={before} after={after} />
      {full !== undefined && figure.before !== null && (
        <progress aria-hidden="true" class="bar was" max={full} value={figure.before} />
      )}
      {full !== undefined && (
        <progress aria-hidden="true" class="bar" max={full} value={figure.after} />
      )}
      <p class="help">
        {t('{figure} {meaning}.', { figure: after, meaning })}{' '}
        {figure.before !== null && t(directions[figure.wanted])}
        {confidence !== null && (
          <small> {t('95 % confidence: {range}.', { range: confidence })}</small>
        )}
        {figure.caution !== null && <strong> {told(figure.caution)}</strong>}
      </p>
    </div>
  );
}

function Change({ before, after }: { before: string | null; after: string }) {
  if (before === null) return <p class="figure">{after}</p>;
  return (
    <p class="figure">
      <span class="was">
        <span class="unseen">{t('before')} </span>
        {before}
      </span>
      <span class="arrow" aria-hidden="true">
        →
      </span>
      <span class="unseen">, {t('after')} </span>
      <span>{after}</span>
    </p>
  );
}
