import { AppError } from '../../errors.ts';
import { requireClasses } from '../../evaluation/classifier/classes.ts';
import type {
  ClassifierChoice,
  ClassifierWish,
} from '../../evaluation/classifier/classifier-choice.ts';
import { chooseClassifier } from '../../evaluation/classifier/judge-folder.ts';
import type { Preset } from '../../presets/preset.ts';

/** The classifiers that judge a job, and what is said of those that cannot. */
export interface ChosenJudges {
  readonly judges: readonly ClassifierChoice[];
  readonly warnings: readonly string[];
}

/**
 * The classifiers that a person asks for, or else those of the preset. Their labels are read; whether
 * their graphs fit is found out before the run. A preset may come from another machine: it goes
 * without a judge that is not on this one, and that is said.
 *
 * @throws AppError `judge.not-found`, `judge.invalid`
 */
export async function chooseJudges(
  { judges: wishes = [] }: { readonly judges?: readonly ClassifierWish[] },
  preset: Preset | undefined,
  dataFolder: string,
): Promise<ChosenJudges> {
  const judges: ClassifierChoice[] = [];
  const warnings: string[] = [];
  for (const wish of wishes.length > 0 ? wishes : (preset?.judges ?? [])) {
    try {
      const choice = await chooseClassifier(wish, dataFolder);
      await requireClasses(choice);
      judges.push(choice);
    } catch (error) {
      const isMissing = error instanceof AppError && error.code === 'judge.not-found';
      if (!isMissing || wishes.length > 0) throw error;
      warnings.push(`The preset is judged without one of its judges: ${error.message}`);
    }
  }
  return { judges, warnings };
}
