import type { Evaluator, PictureJudge, PicturePair } from '../evaluator.ts';
import { type Measure, meanVerdict, type Role, type Verdict } from '../figure.ts';
import { sharpnessOf } from './sharpness.ts';

/** Whether pictures are still as sharp as they were: damage shows as smears or as noise. */
export const sharpnessEvaluator: Evaluator = {
  id: 'sharpness',
  words: {
    title: 'Sharpness',
    help: 'How much detail pictures have, before and after: far less is a smear, far more is noise.',
  },
  sees: 'pictures',
  isAsked: () => true,
  open: () => Promise.resolve(new SharpnessJudge()),
};

class SharpnessJudge implements PictureJudge {
  private readonly verdicts: Record<Role, Verdict[]> = { forget: [], retain: [] };

  see({ role, before, after }: PicturePair): Promise<void> {
    this.verdicts[role].push({ before: sharpnessOf(before), after: sharpnessOf(after) });
    return Promise.resolve();
  }

  measures(): Measure[] {
    return (['forget', 'retain'] as const).map((role) => measureOf(role, this.verdicts[role]));
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}

/** The share of their detail below or above which kept pictures are likely to be damaged. */
const [smeared, noisy] = [0.5, 2];

function measureOf(role: Role, verdicts: readonly Verdict[]): Measure {
  const pictures = role === 'forget' ? 'pictures of forgotten prompts' : 'kept pictures';
  return {
    ...{ role, kind: 'distance', wanted: 'unchanged', reference: null, verdicts },
    id: role === 'forget' ? 'sharpness.forgotten' : 'sharpness.kept',
    title: `Sharpness of ${pictures}`,
    meaning: `is how much neighbouring pixels of ${pictures} differ, on average`,
    limits:
      'Sharpness tells smears and noise from pictures, not what they show; another subject may have more or less detail.',
    // What is drawn in the place of something forgotten may well have other detail.
    caution: role === 'retain' ? cautionOf(meanVerdict(verdicts)) : null,
  };
}

function cautionOf({ before, after }: Verdict): string | null {
  const share = after / (before ?? Number.NaN);
  if (share < smeared)
    return 'Kept pictures lost more than half of their detail: they may be smears.';
  if (share > noisy) return 'Kept pictures have more than twice their detail: they may be noise.';
  return null;
}
