import { attackOf } from '../attacks/registry.ts';
import type { AttackResult } from '../attacks/run-attack.ts';
import { formatTable } from '../format.ts';
import { describePoint, foundPrompts } from '../report/describe-figure.ts';

/** What came of an attack as a table: a line for each curve, a column for each point. */
export function describeAttack({ kind, curves, asked, caution }: AttackResult): string {
  const { words } = attackOf(kind);
  const places = [...new Set(curves.flatMap(({ points }) => points.map(({ at }) => at)))];
  const wordings = curves[0]?.points.flatMap(({ at, label }) =>
    label === undefined ? [] : [`  ${at}: ${label}`],
  );
  const table = formatTable([
    [words.axis, ...places.map(String)],
    ...curves.map(({ title, points }) => [
      title,
      ...places.map((place) => describePoint(points.find(({ at }) => at === place))),
    ]),
  ]);
  return [
    `${words.title}: how many pictures show the concept (95 % confidence)`,
    table,
    ...(wordings ?? []),
    ...foundPrompts(curves).map((line) => `  ${line}`),
    `Asked for by the forgotten prompts: the original ${describePoint(asked.original)}, the scrubbed model ${describePoint(asked.scrubbed)}.`,
    words.limits,
    ...(caution === null ? [] : [caution]),
  ].join('\n');
}
