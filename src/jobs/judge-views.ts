import type { JudgeView } from '../contract/views.ts';
import { AppError } from '../errors.ts';
import { classesOf } from '../evaluation/classifier/classes.ts';
import { listClassifiers, type NamedClassifier } from '../evaluation/classifier/judge-folder.ts';

/** The classifiers that a job can be judged by, with what they tell apart. */
export async function listJudges(dataFolder: string): Promise<JudgeView[]> {
  return Promise.all((await listClassifiers(dataFolder)).map(viewJudge));
}

async function viewJudge({ name, labels }: NamedClassifier): Promise<JudgeView> {
  if (labels === null) {
    return { name, classes: [], problem: `no labels lie beside it: put them there as ${name}.txt` };
  }
  try {
    return { name, classes: await classesOf(labels), problem: null };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { name, classes: [], problem: error.message };
  }
}
