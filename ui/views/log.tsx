import type { LogLine } from '../../src/contract/job-views.ts';
import { formatTime } from '../languages/format.ts';
import { t } from '../languages/words.ts';

/** What was said on the way, folded away. */
export function Log({ lines }: { lines: readonly LogLine[] }) {
  if (lines.length === 0) return null;
  return (
    <details class="log">
      <summary>
        {t('Log')} <span class="count">{lines.length}</span>
      </summary>
      <ol tabIndex={0} aria-label={t('Log')}>
        {lines.map(({ time, level, message }, i) => (
          <li key={i} class={level}>
            <time dateTime={time}>{formatTime(time)}</time> {message}
          </li>
        ))}
      </ol>
    </details>
  );
}
