import type { Evaluation } from '../evaluation/evaluation.ts';
import { formatShare } from '../format.ts';

/** The shares of each of several concepts, as a table. */
export interface ConceptTable {
  readonly head: readonly string[];
  /** A concept's name, then its cells. */
  readonly rows: readonly (readonly string[])[];
}

/** What came out for each of several concepts, as `94 % → 0 %`; null where there is one. */
export function describeConcepts({
  figures,
  concepts = [],
}: Pick<Evaluation, 'figures' | 'concepts'>): ConceptTable | null {
  if (concepts.length === 0) return null;
  // Of kept prompts there are columns where neighbours were named.
  const shown = figures.filter(
    ({ kind, id, role }) =>
      kind === 'share' && concepts.some((concept) => concept[role]?.verdicts[id] !== undefined),
  );
  return {
    head: [
      'Concept',
      ...shown.map(({ title, role }) => (role === 'forget' ? title : `${title}: neighbours`)),
    ],
    rows: concepts.map((concept) => [
      concept.name,
      ...shown.map(({ id, role }) => {
        const verdict = concept[role]?.verdicts[id];
        if (!verdict) return '';
        const after = formatShare(verdict.after);
        return verdict.before === null ? after : `${formatShare(verdict.before)} → ${after}`;
      }),
    ]),
  };
}
