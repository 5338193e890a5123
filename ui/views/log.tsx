import type { LogLine } from '../../src/contract/job-views.ts';

/** What was said on the way, folded away. */
export function Log({ lines }: { lines: readonly LogLine[] }) {
  if (lines.length === 0) return null;
  return (
    <details class="log">
      <summary>
        Log <span class="count">{lines.length}</span>
      </summary>
      <ol tabIndex={0} aria-label="Log">
        {lines.map(({ time, level, message }, i) => (
          <li key={i} class={level}>
            <time dateTime={time}>{new Date(time).toLocaleTimeString('en-GB')}</time> {message}
          </li>
        ))}
      </ol>
    </details>
  );
}
