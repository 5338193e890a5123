import { guide, guidedRows } from '../../diffusion/guidance.ts';
import type { SamplerName } from '../../diffusion/samplers/registry.ts';
import type { Process } from '../../diffusion/process.ts';
import type { TrainableModel } from '../../descent/trainable-model.ts';
import type { EncodedPrompt } from '../../families/encoded-prompt.ts';
import { takeElements } from '../../runtime/read-back.ts';
import type { TensorSet } from '../../runtime/tensor-set.ts';

/** Pictures that are drawn up to a point. */
export interface UnfinishedRequest {
  /** Standard normal: float32 [N, C, h, w] */
  readonly noise: Float32Array;
  /** N each */
  readonly prompts: readonly EncodedPrompt[];
  readonly unconditional: readonly EncodedPrompt[];
  readonly guidanceScale: number;
  /** Default: DDIM, as ESD samples. */
  readonly sampler?: SamplerName;
  /** In so many steps the pictures would be finished; */
  readonly steps: number;
  /** before this one of them, counted from 0, they are left as they are. */
  readonly stop: number;
  readonly process: Process;
}

/** x_t of all pictures, float32 [N, C, h, w], and the t that they all have reached. */
export interface Unfinished {
  readonly latents: Float32Array;
  readonly timestep: number;
}

/** What ends a sampler before its end. */
class Reached extends Error implements Unfinished {
  readonly latents: Float32Array;
  readonly timestep: number;

  constructor({ latents, timestep }: Unfinished) {
    super('drawn so far');
    this.latents = latents;
    this.timestep = timestep;
  }
}

/**
 * Draws pictures up to a step, with the model as it is now: with guidance, as ESD samples x_t
 * (Section 4.1, arXiv 2303.07345).
 */
export async function drawUnfinished(
  model: TrainableModel,
  parameters: TensorSet,
  request: UnfinishedRequest,
): Promise<Unfinished> {
  const { noise, prompts, unconditional, guidanceScale, steps, stop, process } = request;
  const { sampler = 'DDIM' } = request;
  let step = 0;
  try {
    await process.sample({
      ...{ sampler, steps, noise },
      predict: async (latents, timestep) => {
        if (step === stop) throw new Reached({ latents: latents.slice(), timestep });
        step += 1;
        const timesteps = prompts.map(() => timestep);
        const ask = async (under: readonly EncodedPrompt[]) => {
          const batch = { noisyLatents: latents, timesteps, prompts: under };
          return takeElements(await model.predict(parameters, batch));
        };
        const conditional = await ask(prompts);
        if (guidedRows(guidanceScale) === 1) return conditional;
        return guide(await ask(unconditional), conditional, guidanceScale);
      },
    });
  } catch (error) {
    if (error instanceof Reached) return error;
    throw error;
  }
  throw new RangeError(`a picture of ${steps} steps has no step ${stop}`);
}
