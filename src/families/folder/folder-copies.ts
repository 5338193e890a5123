import path from 'node:path';

import { isModelFile } from '../../checkpoint/model-ending.ts';
import { openSafetensors } from '../../checkpoint/safetensors-reader.ts';
import type { FolderFile } from './folder-files.ts';
import type { Components } from './model-index.ts';

/** Endings of files that hold weights, in whatever format. */
const weightExtensions = new Set(
  `safetensors sft ckpt bin pt pth msgpack h5 gguf ggml npz pdparams pdmodel
  onnx onnx_data data pb ort xml engine plan trt mlmodel mil tflite mnn rknn pte dlc param`
    .split(/\s+/)
    .map((ending) => `.${ending}`),
);

/** Folders of a model's other parts, also where they lie in another format: `vae_decoder`. */
const otherPart =
  /^(text_encoder|tokenizer|vae|scheduler|safety_checker|feature_extractor|image_|lora|embedding)/i;

/** Small weights that only add to a model. */
const additions = /(lora|learned_embeds|embedding|textual_inversion)/i;

/** What tells copies from the rest of a folder. */
interface CopyFacts {
  /** Names of the files that the model's weights are read from. */
  readonly inUse: ReadonlySet<string>;
  /** Of the model's index. */
  readonly components: Components;
  /** Of names of tensors: the family's UNet's. */
  readonly unetTensor: RegExp;
}

/**
 * Files of a model's folder that would still draw the concept for a host that takes them: the UNet in
 * other variants and formats, averages of its weights, single-file checkpoints beside the components.
 * A safetensors file outside the known folders is looked into; what cannot be looked into counts.
 */
export async function findFolderCopies(
  folder: string,
  files: readonly FolderFile[],
  facts: CopyFacts,
): Promise<Set<string>> {
  const copies = new Set<string>();
  for (const { name } of files) {
    if (!facts.inUse.has(name) && (await isCopy(folder, name, facts))) copies.add(name);
  }
  return copies;
}

async function isCopy(
  folder: string,
  name: string,
  { components, unetTensor }: CopyFacts,
): Promise<boolean> {
  const { dir, base, ext } = path.parse(name);
  const [component = '', ...inner] = dir.split(path.sep);
  const others = component === 'unet' ? inner : [component, ...inner];
  if (components.unets.includes(component) || others.some(namesUnet)) return true;
  const isIndex = /\.index(\.[\w-]+)?\.json$/.test(base);
  if (!isIndex && !weightExtensions.has(ext.toLowerCase())) return false;
  if (component === 'unet' || namesUnet(base)) return true;
  if (isOfOther(component, components) || additions.test(base)) return false;
  return !isModelFile(base) || holdsUnet(path.join(folder, name), unetTensor);
}

function namesUnet(part: string): boolean {
  return /unet/i.test(part) && !additions.test(part);
}

function isOfOther(component: string, { others }: Components): boolean {
  return others.includes(component) || otherPart.test(component);
}

/** Whether a safetensors file holds a UNet, or cannot be read. */
async function holdsUnet(filePath: string, unetTensor: RegExp): Promise<boolean> {
  const file = await openSafetensors(filePath).catch(() => null);
  if (!file) return true;
  const names = [...file.tensors.keys()];
  await file.close();
  const isOther = names.some((name) => /lora|controlnet_/.test(name));
  return !isOther && names.some((name) => unetTensor.test(name));
}
