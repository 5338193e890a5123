import { told } from '../languages/told.ts';
import { t } from '../languages/words.ts';

/** What of a request may not be meant so, or is not heeded. */
export function Warnings({ of: warnings }: { of: readonly string[] }) {
  if (warnings.length === 0) return null;
  return (
    <ul class="warnings" aria-label={t('Warnings')}>
      {warnings.map((warning) => (
        <li key={warning}>{told(warning)}</li>
      ))}
    </ul>
  );
}
