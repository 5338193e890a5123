import path from 'node:path';

import { withoutModelEnding } from '../../checkpoint/model-ending.ts';
import { pathExists } from '../../checkpoint/output-path.ts';
import { RenamedTensors, type RenamedTensor } from '../../checkpoint/renamed-tensors.ts';
import { openTensors } from '../../checkpoint/open-tensors.ts';
import type { TensorStore } from '../../checkpoint/tensor-store.ts';
import { AppError } from '../../errors.ts';
import { isFloatDtype } from '../../tensor/dtype.ts';
import { vaeNames, vaeShape } from './diffusers/vae-names.ts';
import { deriveVaeConfig, VAE_PREFIX, type VaeConfig } from './layout/vae-layout.ts';

/** A VAE as a model is run with it. */
export interface OpenVae {
  /** Its tensors, by their names in a single-file checkpoint. */
  readonly file: TensorStore;
  readonly config: VaeConfig;
}

/** What the model is that a VAE is to be used with. */
export interface VaeUse {
  /** Channels of the latents that its UNet takes. */
  readonly latentChannels: number;
  /** What it multiplies latents by. */
  readonly scaleFactor: number;
  /** The model's own VAE; null where it has none. */
  readonly own: VaeConfig | null;
}

/** Autoencoders of other models, each by names that only it has. */
const otherKinds: readonly (readonly [RegExp, string])[] = [
  [
    /^((taesd_)?(en|de)coder\.)?(layers\.)?\d+\.(conv\.\d+\.)?weight$/,
    'a tiny VAE for previews (TAESD)',
  ],
  [/^quantize\./, 'a VAE whose latents are quantised (VQ)'],
  [/^(encoder|decoder)\.(downsamples|upsamples|middle)\.|time_conv/, 'a VAE of a video model'],
  [/^decoder\.condition_encoder\./, 'a VAE for inpainting (asymmetric)'],
];

/** How files call the tensors of Stable Diffusion's VAE, each as its beginning and what follows. */
const ldmName =
  /^(?:first_stage_model\.|vae\.)?((?:encoder|decoder|quant_conv|post_quant_conv)\..+)$/;

/**
 * Opens a VAE of its own: a file with the names of LDM, with or without `first_stage_model.`, or of
 * diffusers, or of PyTorch; a whole checkpoint, whose VAE is taken.
 *
 * @throws AppError `vae.invalid` for what is no VAE, or one of another kind of model; `checkpoint.*`
 */
export async function openVae(vaePath: string, use: VaeUse): Promise<OpenVae> {
  const source = await openTensors(vaePath);
  try {
    const file = new RenamedTensors(source, vaeTensors(source));
    const config = readConfig(file, use);
    requireFitting(file, config, use);
    return { file, config };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** What AUTOMATIC1111 takes for a checkpoint of the same name. */
const besideEndings = ['.vae.safetensors', '.vae.sft', '.vae.pt', '.vae.ckpt'];

/** The VAE that lies beside a checkpoint; null where there is none. */
export async function findVaeBeside(modelPath: string): Promise<string | null> {
  const stem = withoutModelEnding(modelPath);
  for (const ending of besideEndings) {
    if (await pathExists(`${stem}${ending}`)) return `${stem}${ending}`;
  }
  return null;
}

function vaeTensors({ path: file, tensors }: TensorStore): Map<string, RenamedTensor> {
  const keys = [...tensors.keys()];
  for (const [pattern, kind] of otherKinds) {
    if (!keys.some((key) => pattern.test(key))) continue;
    throw invalid(file, `is ${kind}, which does not encode pictures as the model needs them`);
  }
  const has = (start: string) => keys.some((key) => key.startsWith(start));
  // A checkpoint has a text encoder's `encoder.…` too.
  const ownPrefix = [VAE_PREFIX, 'vae.'].find(has) ?? '';
  const bare = new Map(
    keys
      .filter((key) => key.startsWith(ownPrefix) && ldmName.test(key))
      .map((key) => [key.slice(ownPrefix.length), key]),
  );
  const isDiffusers = [...bare.keys()].some((name) =>
    /^(en|de)coder\.(down|up|mid)_block/.test(name),
  );
  const names = isDiffusers
    ? vaeNames([...bare.keys()])
    : new Map([...bare.keys()].map((name) => [name, `${VAE_PREFIX}${name}`]));
  const renamed = new Map<string, RenamedTensor>();
  for (const [name, ours] of names) {
    const key = bare.get(name) ?? name;
    const shape = tensors.get(key)?.shape ?? [];
    renamed.set(ours, { key, shape: vaeShape(ours, shape) });
  }
  if (renamed.has(`${VAE_PREFIX}decoder.conv_in.weight`)) {
    if (renamed.has(`${VAE_PREFIX}encoder.conv_in.weight`)) return renamed;
    throw invalid(file, 'holds a decoder without its encoder');
  }
  throw invalid(file, 'holds no VAE of Stable Diffusion (no decoder)');
}

/** Channels first: other families' VAEs differ in what comes after them, too. */
function readConfig(file: TensorStore, { latentChannels, scaleFactor }: VaeUse): VaeConfig {
  const found = file.tensors.get(`${VAE_PREFIX}decoder.conv_in.weight`)?.shape[1];
  if (found !== undefined && found !== latentChannels) {
    const whose = found === 16 ? ', as those of Flux, SD 3 and their like' : '';
    throw invalid(
      file.path,
      `makes latents of ${found} channels${whose}, and the model's UNet takes ${latentChannels}`,
    );
  }
  return deriveVaeConfig(file, scaleFactor);
}

function requireFitting(
  file: TensorStore,
  config: VaeConfig,
  { own, latentChannels }: VaeUse,
): void {
  for (const { name, dtype } of file.tensors.values()) {
    if (!isFloatDtype(dtype)) throw invalid(file.path, `is quantised: "${name}" is ${dtype}`);
  }
  if (config.imageChannels !== 3 || config.embedDim !== latentChannels) {
    throw invalid(
      file.path,
      `takes pictures of ${config.imageChannels} channels to latents of ${config.embedDim}, where the model has 3 and ${latentChannels}`,
    );
  }
  const [side, ownSide] = [config, own ?? config].map(({ chMult }) => 2 ** (chMult.length - 1));
  if (side === ownSide) return;
  throw invalid(
    file.path,
    `makes latents of 1/${side} of a picture's side, and the model's own of 1/${ownSide}`,
  );
}

/** A refusal of a VAE; `problem` follows its name. */
export function invalid(file: string, problem: string): AppError {
  return new AppError('vae.invalid', `the VAE "${path.basename(file)}" ${problem}.`, {
    remedy: { advice: 'Give the one that belongs to the model', settings: [{ setting: 'vae' }] },
  });
}
