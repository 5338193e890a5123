import { elementAt } from '../element-at.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import type { EncodedPrompt } from '../families/encoded-prompt.ts';
import type { SoftPlace, SoftTokens } from '../families/family.ts';
import { readElements } from '../runtime/read-back.ts';
import { TensorSet } from '../runtime/tensor-set.ts';
import { createGenerator } from '../tensor/random.ts';
import { joinRows, splitRows } from '../tensor/rows.ts';
import { elementCount } from '../tensor/shape.ts';
import type { Painter } from './draw-latents.ts';

/** A picture, and where in its prompt the free tokens stand that are to bring it. */
export interface PlacedPicture {
  /** float32 [C, h, w], scaled as the UNet gives it */
  readonly latents: Float32Array;
  readonly place: SoftPlace;
}

/** As many pictures as the model's session has rows. */
export interface NoisedPictures {
  readonly chosen: readonly PlacedPicture[];
  readonly timesteps: readonly number[];
  /** float32 [N, C, h, w] */
  readonly noise: Float32Array;
}

/** What predicts, and the tokens that it is asked with. */
export interface SoftModel {
  readonly model: Painter & { readonly checkpoint: Checkpoint };
  readonly tokens: SoftTokens;
}

/** Pictures by chance, each at any timestep of the process. @param seed decides all of it */
export function noiseByChance(
  { unet, checkpoint: { process } }: SoftModel['model'],
  pictures: readonly PlacedPicture[],
  seed: number,
): NoisedPictures {
  const generator = createGenerator(seed);
  const { batch } = unet.shape;
  const chosen = generator
    .randomIntegers(batch, 0, pictures.length)
    .map((place) => elementAt(pictures, place));
  const timesteps = generator.randomIntegers(batch, 0, process.timesteps);
  return { chosen, timesteps, noise: generator.randn(elementCount(unet.latentShape)) };
}

/** The mean squared error of a model's predictions under prompts with embeddings, float32 [n, C], in their places. */
export async function softLoss(
  soft: SoftModel,
  embeddings: Float32Array,
  pictures: NoisedPictures,
): Promise<number> {
  const { model } = soft;
  const { rows, target } = await rowsWith(soft, embeddings, pictures);
  return model.unet.loss(model.parameters, rows, target);
}

/**
 * The same, and the gradient to the embeddings: float32 [n, C]. Nothing else of the model may be trained.
 */
export async function softGradient(
  soft: SoftModel,
  embeddings: Float32Array,
  pictures: NoisedPictures,
): Promise<{ readonly loss: number; readonly gradient: Float32Array }> {
  const { model, tokens } = soft;
  const { unet } = model;
  const { rows, target } = await rowsWith(soft, embeddings, pictures);
  const into = new TensorSet();
  const loss = await unet.gradient(model.parameters, rows, { target, into });
  const ofContext = await readElements(into.get(unet.contextInput));
  into.dispose();
  const { chosen } = pictures;
  const gradient = new Float32Array(embeddings.length);
  for (const [i, own] of splitRows(ofContext, ofContext.length / chosen.length).entries()) {
    const part = await tokens.gradient(elementAt(chosen, i).place, embeddings, own);
    part.forEach((value, at) => (gradient[at] = (gradient[at] ?? 0) + value));
  }
  return { loss, gradient };
}

async function rowsWith(
  { model: { unet, checkpoint }, tokens }: SoftModel,
  embeddings: Float32Array,
  { chosen, timesteps, noise }: NoisedPictures,
) {
  const { process } = checkpoint;
  const noised = { x0: joinRows(chosen.map(({ latents }) => latents)), noise, timesteps };
  // Pictures of one prompt are asked for alike.
  const encoded = new Map<SoftPlace, EncodedPrompt>();
  const prompts: EncodedPrompt[] = [];
  for (const { place } of chosen) {
    const prompt = encoded.get(place) ?? (await tokens.encode(place, embeddings));
    encoded.set(place, prompt);
    prompts.push(prompt);
  }
  return {
    rows: { noisyLatents: process.noise(noised), timesteps, prompts },
    target: unet.target(process.target(noised)),
  };
}
