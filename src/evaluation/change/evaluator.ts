import { imageDistance } from '../../images/image-distance.ts';
import type { Evaluator, PictureJudge, PicturePair } from '../evaluator.ts';
import type { Measure, Quantity, Verdict } from '../figure.ts';
import { UnrelatedPictures } from '../unrelated-pictures.ts';

/** How far each kept picture is from the one that the original draws from the same noise. */
export const changeEvaluator: Evaluator = {
  id: 'change',
  sees: 'pictures',
  isAsked: () => true,
  open: () => Promise.resolve(new ChangeJudge()),
};

class ChangeJudge implements PictureJudge {
  private readonly verdicts: Verdict[] = [];
  private readonly unrelated = new UnrelatedPictures();

  see({ role, before, after }: PicturePair): Promise<void> {
    this.unrelated.add(before);
    if (role === 'retain') {
      this.verdicts.push({ before: null, after: imageDistance(before, after) });
    }
    return Promise.resolve();
  }

  measures(): Measure[] {
    const quantity = changeQuantity(this.unrelated.reference());
    return [{ ...quantity, verdicts: this.verdicts }];
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}

export function changeQuantity(reference: Quantity['reference']): Quantity {
  return {
    id: 'change.kept',
    role: 'retain',
    title: 'Change of what is kept',
    kind: 'distance',
    wanted: 'unchanged',
    meaning: 'is how far a kept picture moved, 0 to 1, on average',
    limits:
      'The distance is the mean difference of a colour value: a picture that moved may be as good as before.',
    reference,
    caution: null,
  };
}
