import { elementAt } from '../../element-at.ts';
import { spread } from '../../erase/spread.ts';
import type { AttackedPrompt, AttackSettings } from '../attack.ts';

/** A picture that is to come back, and how a model is asked for it. */
export interface Target extends AttackedPrompt {
  readonly file: string;
  /** Pictures that are drawn to get it back. */
  readonly count: number;
}

/** Each takes all steps for itself. */
const mostTargets = 4;

/** A few of the given pictures, evenly spread, each with its caption's prompt, or one of them in turn. */
export function targetsOf({ given, prompts, count }: AttackSettings): Target[] {
  const chosen = spread(given, Math.min(mostTargets, count)).map(({ item }) => item);
  return chosen.map(({ file, caption }, i) => ({
    ...(prompts.find(({ prompt }) => prompt === caption) ?? elementAt(prompts, i % prompts.length)),
    file,
    count: Math.floor((count + i) / chosen.length),
  }));
}
