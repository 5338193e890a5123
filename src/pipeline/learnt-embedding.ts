import type { SoftTokens } from '../families/family.ts';
import { updateOnHost } from '../optim/host-update.ts';
import { type AdamSettings, stepScalars } from '../optim/update-rule.ts';
import { createGenerator } from '../tensor/random.ts';
import { type NoisedPictures, softGradient, type SoftModel } from './soft-prompts.ts';

const adam: AdamSettings = {
  ...{ kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
};
/** Of the size of a number in the embedding of a word. */
const learningRate = 0.1;

/** An embedding like a word's, by chance: float32 [C]. */
export function randomEmbedding(
  { width, scales }: Pick<SoftTokens, 'width' | 'scales'>,
  seed: number,
): Float32Array {
  return createGenerator(seed)
    .randn(width)
    .map((value, i) => value * (scales[i] ?? 0));
}

/**
 * Learns an embedding that makes a model draw given pictures, as textual inversion does (Gal et al.,
 * arXiv 2208.01618, Eq. 2; as an attack in Pham et al., arXiv 2308.01508): v ← v − lr·Adam(∇_v ‖y − y_θ(x_t,
 * c(v))‖²), all of the model as it is.
 */
export class LearntEmbedding {
  private readonly soft: SoftModel;
  /** In units of `scales`, in which a rate means the same for every number. */
  private readonly units: Float32Array;
  private readonly moments: readonly Float32Array[];
  private step = 0;

  constructor(soft: SoftModel, start: Float32Array) {
    this.soft = soft;
    const { scales } = soft.tokens;
    this.units = start.map((value, i) => value / (scales[i] ?? 1));
    this.moments = [0, 1].map(() => new Float32Array(start.length));
  }

  /** float32 [C] */
  get values(): Float32Array {
    const { scales } = this.soft.tokens;
    return this.units.map((value, i) => value * (scales[i] ?? 0));
  }

  /** @returns the loss before the step */
  async learn(pictures: NoisedPictures): Promise<number> {
    const { loss, gradient } = await softGradient(this.soft, this.values, pictures);
    const { scales } = this.soft.tokens;
    this.step += 1;
    updateOnHost(adam, {
      ...{ parameter: this.units, next: this.units, moments: this.moments, learningRate },
      terms: [{ weight: 1, gradient: gradient.map((value, i) => value * (scales[i] ?? 0)) }],
      ...stepScalars(adam, learningRate, this.step),
    });
    return loss;
  }
}
