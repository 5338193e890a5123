import type { ConceptVerdicts, PromptVerdicts, VerdictsOfPictures } from './evaluation.ts';
import type { Role, Verdict } from './figure.ts';

/** Sums up by concepts; those without a picture are left out. */
export function byConcept(
  prompts: readonly PromptVerdicts[],
  concepts: readonly {
    readonly name: string;
    readonly prompts: readonly string[];
    readonly neighbours: readonly string[];
  }[],
): ConceptVerdicts[] {
  return concepts.flatMap(({ name, prompts: own, neighbours }) => {
    const forget = sumUp(prompts, 'forget', own);
    return forget ? [{ name, forget, retain: sumUp(prompts, 'retain', neighbours) }] : [];
  });
}

function sumUp(
  all: readonly PromptVerdicts[],
  wanted: Role,
  of: readonly string[],
): VerdictsOfPictures | null {
  // As they are asked: what is drawn under other negative prompts is not the concept's own.
  const own = all.filter(
    ({ role, group = role, prompt }) =>
      role === wanted && (group === role || group === 'neighbour') && of.includes(prompt),
  );
  const pictures = own.reduce((sum, prompt) => sum + prompt.pictures, 0);
  if (pictures === 0) return null;
  const ids = new Set(own.flatMap(({ verdicts }) => Object.keys(verdicts)));
  return {
    pictures,
    verdicts: Object.fromEntries([...ids].map((id) => [id, meanOf(own, id)])),
  };
}

/** Each prompt counts by its pictures. */
function meanOf(prompts: readonly PromptVerdicts[], id: string): Verdict {
  let count = 0;
  let before: number | null = 0;
  let after = 0;
  for (const { pictures, verdicts } of prompts) {
    const verdict = verdicts[id];
    if (!verdict) continue;
    count += pictures;
    before = before === null || verdict.before === null ? null : before + pictures * verdict.before;
    after += pictures * verdict.after;
  }
  return { before: before === null ? null : before / count, after: after / count };
}
