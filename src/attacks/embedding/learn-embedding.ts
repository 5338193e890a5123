import type { ConceptPicture } from '../../evaluation/concept-judge.ts';
import { elementAt } from '../../element-at.ts';
import type { EncodedPrompt } from '../../families/encoded-prompt.ts';
import type { SoftPlace, SoftToken } from '../../families/family.ts';
import { updateOnHost } from '../../optim/host-update.ts';
import { type AdamSettings, stepScalars } from '../../optim/update-rule.ts';
import { readElements } from '../../runtime/read-back.ts';
import { TensorSet } from '../../runtime/tensor-set.ts';
import { createGenerator, seedFor } from '../../tensor/random.ts';
import { elementCount } from '../../tensor/shape.ts';
import { joinRows, splitRows } from '../../tensor/rows.ts';
import type { AttackedModel } from '../attack.ts';

const adam: AdamSettings = {
  ...{ kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
};
/** Of the size of a number in the embedding of a word. */
const learningShare = 0.1;

/** A picture of the concept, and where the token stands that is to bring it back. */
export interface PlacedPicture extends Pick<ConceptPicture, 'latents'> {
  readonly place: SoftPlace;
}

/** What an embedding is learnt from. */
export interface Lesson {
  readonly model: AttackedModel;
  readonly token: SoftToken;
  readonly pictures: readonly PlacedPicture[];
  readonly seed: number;
}

/** An embedding like a word's, by chance: float32 [C]. */
export function randomEmbedding({ width, scale }: SoftToken, seed: number): Float32Array {
  return createGenerator(seed)
    .randn(width)
    .map((value) => scale * value);
}

/**
 * Learns an embedding that makes a model draw given pictures, as textual inversion does (Gal et al.,
 * arXiv 2208.01618, Eq. 2; as an attack in Pham et al., arXiv 2308.01508): v ← v − lr·Adam(∇_v ‖y − y_θ(x_t,
 * c(v))‖²), all of the model as it is.
 */
export class LearntEmbedding {
  /** float32 [C], changed by each step. */
  readonly values: Float32Array;
  private readonly lesson: Lesson;
  private readonly moments: readonly Float32Array[];
  private step = 0;

  constructor(lesson: Lesson, start: Float32Array) {
    this.lesson = lesson;
    this.values = start.slice();
    this.moments = [0, 1].map(() => new Float32Array(start.length));
  }

  /** @returns the loss before the step */
  async learn(): Promise<number> {
    const { scale } = this.lesson.token;
    const { loss, gradient } = await embeddingGradient(
      this.lesson,
      this.values,
      this.draw(this.step),
    );
    this.step += 1;
    const learningRate = learningShare * scale;
    updateOnHost(adam, {
      ...{ parameter: this.values, next: this.values, moments: this.moments, learningRate },
      terms: [{ weight: 1, gradient }],
      ...stepScalars(adam, learningRate, this.step),
    });
    return loss;
  }

  /** Pictures, noises and timesteps of a step, which decides them. */
  private draw(step: number): NoisedPictures {
    const { model, pictures, seed } = this.lesson;
    const { unet, checkpoint } = model;
    const generator = createGenerator(seedFor(seed, 'embedding', step));
    const { batch } = unet.shape;
    const chosen = generator
      .randomIntegers(batch, 0, pictures.length)
      .map((place) => elementAt(pictures, place));
    const timesteps = generator.randomIntegers(batch, 0, checkpoint.process.timesteps);
    return { chosen, timesteps, noise: generator.randn(elementCount(unet.latentShape)) };
  }
}

/** As many pictures as the model's session has rows. */
export interface NoisedPictures {
  readonly chosen: readonly PlacedPicture[];
  readonly timesteps: readonly number[];
  /** float32 [N, C, h, w] */
  readonly noise: Float32Array;
}

/**
 * The mean squared error of a model's predictions under prompts with an embedding in its place, and the
 * gradient to it: float32 [C].
 */
export async function embeddingGradient(
  { model, token }: Pick<Lesson, 'model' | 'token'>,
  embedding: Float32Array,
  { chosen, timesteps, noise }: NoisedPictures,
): Promise<{ readonly loss: number; readonly gradient: Float32Array }> {
  const { unet, checkpoint } = model;
  const { process } = checkpoint;
  const noised = { x0: joinRows(chosen.map(({ latents }) => latents)), noise, timesteps };
  const prompts: EncodedPrompt[] = [];
  for (const { place } of chosen) prompts.push(await token.encode(place, embedding));
  const into = new TensorSet();
  const loss = await unet.gradient(
    new TensorSet(),
    { noisyLatents: process.noise(noised), timesteps, prompts },
    { target: unet.target(process.target(noised)), into },
  );
  const ofContext = await readElements(into.get(unet.contextInput));
  into.dispose();
  const gradient = new Float32Array(embedding.length);
  for (const [i, rows] of splitRows(ofContext, ofContext.length / chosen.length).entries()) {
    const part = await token.gradient(elementAt(chosen, i).place, embedding, rows);
    part.forEach((value, at) => (gradient[at] = (gradient[at] ?? 0) + value));
  }
  return { loss, gradient };
}
