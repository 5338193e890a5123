import type { EncodedPrompt } from '../families/encoded-prompt.ts';
import type { LatentSize } from '../families/family.ts';
import type { Framing } from '../images/picture-size.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { Shape } from '../tensor/shape.ts';

/** What the UNet is asked at N noisy latents; all float32 on the host unless said. */
export interface DenoisingBatch {
  /** x_t: [N, C, h, w] */
  readonly noisyLatents: Float32Array;
  /** t, 0-based: N whole numbers */
  readonly timesteps: readonly number[];
  /** The prompt of each latent: N */
  readonly prompts: readonly EncodedPrompt[];
  /** How many times the change counts, where the adaptation lets it be chosen. Default: once. */
  readonly strength?: number;
  /** Of the latents, where it is not the model's usual one. */
  readonly size?: LatentSize;
  /** How the picture of each latent was made of a given one; null where it was drawn: N. Default: all were. */
  readonly framings?: readonly (Framing | null)[];
}

/** A denoising batch and what its predictions are held to, like the noise (or v) that was added. */
export interface TargetedBatch extends DenoisingBatch {
  /** [N, C, h, w] */
  readonly target: Float32Array;
}

/** A noise predictor ε_θ whose trained parameters θ are given at every call. */
export interface TrainableModel {
  /** Of x_t of the usual size: [N, C, h, w] */
  readonly latentShape: Shape;
  /** ε_θ at the batch: float32 [N, C, h, w], on the training device. */
  predict(parameters: TensorSet, batch: DenoisingBatch): Promise<Tensor>;
  /** The mean squared error of ε_θ to `target`. */
  loss(parameters: TensorSet, batch: DenoisingBatch, target: Tensor): Promise<number>;
  /** The same, and its gradient in `into`. */
  gradient(
    parameters: TensorSet,
    batch: DenoisingBatch,
    target: { readonly target: Tensor; readonly into: TensorSet },
  ): Promise<number>;
  /** Values on the host as a tensor of the shape of what is predicted at a batch; default: the usual size. */
  target(values: Float32Array, batch?: Pick<DenoisingBatch, 'size'>): Tensor;
}
