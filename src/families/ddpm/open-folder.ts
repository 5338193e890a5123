import path from 'node:path';
import { z } from 'zod';

import { readJsonConfig } from '../../checkpoint/json-config.ts';
import { pathExists } from '../../checkpoint/output-path.ts';
import { openSafetensors, type SafetensorsFile } from '../../checkpoint/safetensors-reader.ts';
import { AppError } from '../../errors.ts';
import { findWeightFiles } from '../folder/component-weights.ts';
import { findFolderCopies } from '../folder/folder-copies.ts';
import { listFolder } from '../folder/folder-files.ts';
import type { ModelFolder } from '../folder/model-folder.ts';
import { type Components, listComponents, MODEL_INDEX } from '../folder/model-index.ts';
import { closeAll, OpenFolder } from '../folder/open-folder.ts';
import { isPixelUnetConfig } from './config.ts';
import { configFilesIn, SCHEDULER_CONFIG, UNET_CONFIG } from './config-files.ts';

const indexSchema = z.looseObject({ unet: z.tuple([z.unknown(), z.unknown()]).optional() });

/**
 * Whether a folder is a pixel-space model: its index names a `UNet2DModel`, or it is the folder of one. An
 * index that cannot be read is for whoever opens the folder to tell.
 */
export async function holdsPixelModel(folder: string): Promise<boolean> {
  const indexPath = path.join(folder, MODEL_INDEX);
  if (await pathExists(indexPath)) {
    const index = await readJsonConfig(indexPath, indexSchema, 'an index').catch(() => undefined);
    return index?.unet?.[1] === 'UNet2DModel';
  }
  const config = path.join(folder, UNET_CONFIG);
  return (await pathExists(config)) && isPixelUnetConfig(config).catch(() => false);
}

/** Of names of tensors: a UNet's, and nothing else's that such a folder may hold. */
const unetTensor = /(^|\.)(down|up)_blocks\.\d+\.resnets\./;

/**
 * Opens the folder of a pixel-space model: of a pipeline (`DDPMPipeline`, `DDIMPipeline` and the like), its
 * parts in folders of their own or, as old ones have them, all in one; or of a UNet alone.
 *
 * @throws AppError `model.unsupported` for a model with further parts, `checkpoint.*`
 */
export async function openPixelFolder(folderPath: string): Promise<ModelFolder> {
  const folder = path.resolve(folderPath);
  const configs = await configFilesIn(folder);
  const components = await listComponents(folder);
  requireNoOthers(folder, components);
  const part = path.relative(folder, path.dirname(configs.unet));
  const opened: SafetensorsFile[] = [];
  try {
    const component = { folder: part, stem: 'diffusion_pytorch_model' };
    const { shards, index } = await findWeightFiles(folder, component);
    for (const name of shards) opened.push(await openSafetensors(path.join(folder, name)));
    const weightFiles = opened.map((file, i) => ({
      ...{ name: shards[i] ?? '', file },
      names: new Map([...file.tensors.keys()].map((key) => [key, key] as const)),
    }));
    const inUse = new Set(index === null ? shards : [...shards, index]);
    const all = await listFolder(folder);
    const copies = await findFolderCopies(folder, all, { inUse, components, unetTensor });
    const files = all.filter(({ name }) => !copies.has(name));
    const present = [MODEL_INDEX, ...configNames].filter((config) =>
      files.some(({ name }) => name === config),
    );
    return new OpenFolder(folder, {
      ...{ weightFiles, files, otherUnets: components.unets },
      mark: present.includes(MODEL_INDEX) ? MODEL_INDEX : UNET_CONFIG,
      decisive: [...present, ...shards].sort(),
      leftOut: [...copies].map((name) => name.split(path.sep).join('/')),
    });
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

/** Within a folder, which has some of them. */
const configNames = [
  ...[UNET_CONFIG, SCHEDULER_CONFIG],
  ...[path.join('unet', UNET_CONFIG), path.join('scheduler', SCHEDULER_CONFIG)],
];

/** @throws AppError `model.unsupported` for a model whose pictures are no pixels, or that has a text encoder */
function requireNoOthers(folder: string, { others }: Components): void {
  const odd = others.find((name) => name !== 'scheduler');
  if (odd === undefined) return;
  throw new AppError(
    'model.unsupported',
    `"${folder}": its model_index.json names "${odd}" beside UNet2DModel and scheduler. Only models that draw pixels, with nothing else, can be trained.`,
  );
}
