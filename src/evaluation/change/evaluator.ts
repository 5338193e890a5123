import { imageDistance } from '../../images/image-distance.ts';
import type { Evaluator, PictureJudge, PicturePair } from '../evaluator.ts';
import type { Measure, Verdict } from '../figure.ts';
import { UnrelatedPictures } from '../unrelated-pictures.ts';
import { changeQuantity } from './quantity.ts';

/** How far each kept picture is from the one that the original draws from the same noise. */
export const changeEvaluator: Evaluator = {
  id: 'change',
  words: {
    title: 'Change of what is kept',
    help: 'How far kept pictures moved from those that the original draws from the same noise.',
  },
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
