import { imageDistance } from '../../images/image-distance.ts';
import type { PixelImage } from '../../images/pixels.ts';
import { thumbnail } from '../../images/thumbnail.ts';
import type { PictureJudge, PicturePair } from '../evaluator.ts';
import type { Measure, Verdict } from '../figure.ts';
import { UnrelatedPictures } from '../unrelated-pictures.ts';
import { givenPicturesQuantity } from './quantity.ts';

/** Finds the given picture that is nearest to each picture of a forgotten prompt. */
export class GivenPicturesJudge implements PictureJudge {
  private readonly given: readonly PixelImage[];
  private readonly verdicts: Verdict[] = [];
  private readonly unrelated = new UnrelatedPictures();

  /** @param given thumbnails */
  constructor(given: readonly PixelImage[]) {
    this.given = given;
  }

  async see({ role, before, after }: PicturePair): Promise<void> {
    this.unrelated.add(before);
    if (role !== 'forget') return;
    this.verdicts.push({
      before: await this.nearestDistance(before),
      after: await this.nearestDistance(after),
    });
  }

  measures(): Measure[] {
    const quantity = givenPicturesQuantity(this.unrelated.reference());
    return [{ ...quantity, verdicts: this.verdicts }];
  }

  release(): Promise<void> {
    return Promise.resolve();
  }

  private async nearestDistance(image: PixelImage): Promise<number> {
    const small = await thumbnail(image);
    return Math.min(...this.given.map((picture) => imageDistance(small, picture)));
  }
}
