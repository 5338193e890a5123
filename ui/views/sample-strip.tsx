import type { JobView, SampleView } from '../../src/contract/job-views.ts';
import { jobUrl } from '../api.ts';
import { t } from '../languages/words.ts';

/** The same noise drawn at several steps: prompts down, steps across, so that one sees it forget. */
export function SampleStrip({ job }: { job: JobView }) {
  const { id } = job;
  const samples = job.samples.filter(({ strength }) => strength === null);
  if (samples.length === 0) return null;
  const columns = [...new Set(samples.map(orderOf))].sort((a, b) => a - b);
  const rows = rowsOf(samples);
  return (
    <div class="samples">
      <h2 id="samples-title">{t('Samples from the same noise')}</h2>
      <div class="scroll" role="region" aria-labelledby="samples-title" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">
                <span class="unseen">{t('Prompt')}</span>
              </th>
              {columns.map((column) => (
                <th key={column} scope="col">
                  {titleOf(column)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.key} class={row.role}>
                <th scope="row">
                  <small>{row.role === 'forget' ? t('Forget') : t('Keep')}</small>
                  {row.prompt}
                </th>
                {columns.map((column) => {
                  const sample = row.samples.find((one) => orderOf(one) === column);
                  return (
                    <td key={column}>
                      {sample && (
                        <img
                          src={jobUrl(id, `samples/${encodeURIComponent(sample.file)}`)}
                          alt={`${row.prompt}, ${titleOf(column)}`}
                          loading="lazy"
                        />
                      )}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

const [before, after] = [-1, Number.POSITIVE_INFINITY];

/** The step of a sample; before and after all of them what was not drawn on the way. */
function orderOf({ which, step }: SampleView): number {
  if (which === 'during') return step;
  return which === 'before' ? before : after;
}

function titleOf(column: number): string {
  if (column === before) return t('before');
  return column === after ? t('after') : t('step {number}', { number: column });
}

interface Row {
  readonly key: string;
  readonly prompt: string;
  readonly role: SampleView['role'];
  readonly samples: readonly SampleView[];
}

function rowsOf(samples: readonly SampleView[]): Row[] {
  const rows = new Map<string, Row>();
  for (const sample of samples) {
    const { role, seed, prompt, drawnBy } = sample;
    const key = `${role} ${seed} ${drawnBy} ${prompt}`;
    const others = rows.get(key)?.samples ?? [];
    rows.set(key, { key, prompt, role, samples: [...others, sample] });
  }
  const all = [...rows.values()].sort((a, b) => a.role.localeCompare(b.role));
  // Others were drawn for the comparison alone.
  const followed = all.filter((row) => row.samples.some(({ which }) => which === 'during'));
  return followed.length > 0 ? followed : all;
}
