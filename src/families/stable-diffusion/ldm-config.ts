import { parse } from 'yaml';
import { z } from 'zod';

import { AppError } from '../../errors.ts';
import { schemaMessage } from '../../schema-message.ts';
import type { NamedSampler } from '../family.ts';
import type { ClipTextSettings } from './clip-config.ts';
import type { ModelTokenizer } from './model-tokenizer.ts';
import { configPathOf } from '../../checkpoint/output-path.ts';
import { ldmStatements } from './prediction/ldm-statements.ts';
import type { Statement } from './prediction/statement.ts';
import { readConfigText } from '../../checkpoint/read-text.ts';

const count = z.int().min(1).max(1_000_000);
const heads = z.int().min(-1).max(4096);
const beta = z.number().gt(0).lt(1);
const timesteps = z.int().min(1).max(100_000);

const unetParams = z
  .looseObject({
    in_channels: count,
    out_channels: count,
    model_channels: count,
    context_dim: z.union([count, z.array(count)]),
    adm_in_channels: count.nullable(),
    use_linear_in_transformer: z.boolean(),
    num_heads: heads,
    num_head_channels: heads,
  })
  .partial();

const embedderParams = z
  .looseObject({ version: z.string().min(1), layer: z.string(), layer_idx: z.int().nullish() })
  .partial();

const vaeParams = z
  .looseObject({ ddconfig: z.looseObject({ ch: count, z_channels: count }).partial() })
  .partial();

const component = <T extends z.ZodType>(params: T) =>
  z.looseObject({ target: z.string(), params }).partial();

const embedder = component(embedderParams);
/** A text encoder as an LDM config names it. */
export type Embedder = z.infer<typeof embedder>;

/** What sgm has in the place of the schedule's numbers. */
const denoiserParams = z
  .looseObject({
    num_idx: timesteps,
    discretization_config: component(
      z.looseObject({ linear_start: beta, linear_end: beta, num_timesteps: timesteps }).partial(),
    ).or(z.string()),
  })
  .partial();

const modelParams = z
  .looseObject({
    linear_start: beta,
    linear_end: beta,
    beta_schedule: z.literal('linear'),
    given_betas: z.null(),
    timesteps,
    image_size: z.int().min(1).max(4096),
    scale_factor: z.number().positive(),
    denoiser_config: component(denoiserParams),
    unet_config: component(unetParams),
    /** The UNet in sgm. */
    network_config: component(unetParams),
    first_stage_config: component(vaeParams),
    cond_stage_config: embedder,
    conditioner_config: component(z.looseObject({ emb_models: z.array(embedder) }).partial()),
  })
  .partial();

const ldmSchema = z.looseObject({ model: z.looseObject({ params: modelParams }) });

/** The part of an LDM config (CompVis' `v1-inference.yaml` and its kin) that changes the model. */
export interface LdmConfig {
  readonly path: string;
  /** What it says of what the model predicts. */
  readonly statements: readonly Statement[];
  /** What is taken where it says nothing of that. */
  readonly silent: readonly Statement[];
  readonly linearStart: number | undefined;
  readonly linearEnd: number | undefined;
  readonly timesteps: number | undefined;
  /** How a folder's scheduler draws; null where there is none, or one that is not known here. */
  readonly sampler: NamedSampler | null;
  /** Width and height of the latents that the model was made for. */
  readonly latentSize: number | undefined;
  readonly scaleFactor: number | undefined;
  readonly unet: z.infer<typeof unetParams>;
  readonly vae: z.infer<typeof vaeParams>;
  /** Name or folder of the transformers CLIP model (`cond_stage_config.params.version`). */
  readonly textEncoderVersion: string | undefined;
  /** What is said of each text encoder (`cond_stage_config`, sgm's `conditioner_config`). */
  readonly embedders: readonly Embedder[];
  /** Settings of each text encoder where a folder states them; none beside a single file. */
  readonly clipSettings: readonly ClipTextSettings[];
  /** The model's own tokenizers; none where CLIP's is meant, as in every single file. */
  readonly tokenizers: readonly ModelTokenizer[];
  /** Whether nothing is led away from where there is no negative prompt, not the empty prompt. */
  readonly zerosEmptyPrompt: boolean;
}

/**
 * The LDM config beside a checkpoint (same name, `.yaml`), as A1111 looks it up; undefined if there
 * is none.
 *
 * @throws AppError `checkpoint.config` if it is not such a config or asks for what is not supported
 */
export async function readLdmConfig(checkpointPath: string): Promise<LdmConfig | undefined> {
  const path = configPathOf(checkpointPath);
  const text = await readConfigText(path);
  return text === undefined ? undefined : parseLdmConfig(text, path);
}

/**
 * Reads the text of an LDM config.
 *
 * @param path for messages.
 * @throws AppError `checkpoint.config`
 */
export function parseLdmConfig(text: string, path: string): LdmConfig {
  const result = ldmSchema.safeParse(parseYaml(text, path));
  if (!result.success) {
    throw configError(path, schemaMessage(result.error));
  }
  const { params } = result.data.model;
  return {
    path,
    statements: ldmStatements(result.data.model, path),
    // Published ones leave it out where it is epsilon; so do those that are put beside any model.
    silent: [],
    sampler: null,
    ...scheduleOf(params, path),
    latentSize: params.image_size,
    scaleFactor: params.scale_factor,
    unet: (params.unet_config ?? params.network_config)?.params ?? {},
    vae: params.first_stage_config?.params ?? {},
    textEncoderVersion: params.cond_stage_config?.params?.version,
    embedders: embeddersOf(params),
    clipSettings: [],
    tokenizers: [],
    zerosEmptyPrompt: false,
  };
}

function embeddersOf(params: z.infer<typeof modelParams>): Embedder[] {
  const { cond_stage_config: single, conditioner_config: several } = params;
  return several?.params?.emb_models ?? (single ? [single] : []);
}

/** The numbers of the noise schedule, which LDM has beside the model's parts and sgm in the denoiser. */
function scheduleOf(
  params: z.infer<typeof modelParams>,
  path: string,
): Pick<LdmConfig, 'linearStart' | 'linearEnd' | 'timesteps'> {
  const { num_idx: indices, discretization_config: config } = params.denoiser_config?.params ?? {};
  const discretization = typeof config === 'object' ? config.params : undefined;
  const { num_timesteps: count, ...betas } = discretization ?? {};
  const whole = count ?? 1000;
  if (indices !== undefined && indices !== whole) {
    throw configError(
      path,
      `its denoiser takes ${indices} noise levels (num_idx) of ${whole} timesteps, where all are expected`,
    );
  }
  const { linear_start: linearStart, linear_end: linearEnd } = { ...betas, ...params };
  return { linearStart, linearEnd, timesteps: params.timesteps ?? count };
}

function parseYaml(text: string, path: string): unknown {
  try {
    // LDM configs hold no aliases; the cap stops texts that unfold to gigabytes. Python's tags
    // (`!!python/…`) stay plain values, without a warning on the terminal.
    return parse(text, { maxAliasCount: 20, logLevel: 'error' });
  } catch (cause) {
    throw configError(path, cause instanceof Error ? cause.message : 'it cannot be parsed', cause);
  }
}

function configError(path: string, detail: string, cause?: unknown): AppError {
  return new AppError(
    'checkpoint.config',
    `"${path}" is not an LDM config that fits: ${detail}. Correct it, or remove it for the defaults of the model's family.`,
    { cause },
  );
}
