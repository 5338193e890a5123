import path from 'node:path';

import { pathExists } from '../../checkpoint/output-path.ts';
import { withoutModelEnding } from '../../checkpoint/model-ending.ts';
import { AppError } from '../../errors.ts';
import type { SidecarFile } from '../family-files.ts';
import type { ModelFiles } from '../model-files.ts';
import { isPixelUnetConfig } from './config.ts';

/** Where a model's configs are. */
export interface ConfigFiles {
  /** Of the UNet. */
  readonly unet: string;
  /** Null where the model has none. */
  readonly scheduler: string | null;
}

export const UNET_CONFIG = 'config.json';
export const SCHEDULER_CONFIG = 'scheduler_config.json';

/**
 * The configs of a model: in a folder those of its parts, or those that lie in it; beside a single file those
 * that are called after it (`NAME.json`, `NAME.scheduler.json`), else those of its folder, as diffusers
 * writes them.
 *
 * @throws AppError `checkpoint.config`, where a single file has no config
 */
export async function configFilesOf({ layout, path: modelPath }: ModelFiles): Promise<ConfigFiles> {
  if (layout === 'diffusers') return configFilesIn(modelPath);
  const found = await configFilesBeside(modelPath);
  if (found) return found;
  const { dir } = path.parse(modelPath);
  const [own] = namedAfter(modelPath);
  throw new AppError(
    'checkpoint.config',
    `"${modelPath}" holds the UNet2DModel of a pixel-space model, and no config tells how its layers are joined. Put its config.json beside it, as "${path.basename(own)}" or "${UNET_CONFIG}" in "${dir || '.'}", or give the folder that it came in.`,
  );
}

/** Within a folder that holds a model: `unet/config.json` as pipelines write it, `config.json` of old ones and of bare UNets. */
export async function configFilesIn(folder: string): Promise<ConfigFiles> {
  const inPart = path.join(folder, 'unet', UNET_CONFIG);
  const isDivided = await pathExists(inPart);
  return {
    unet: isDivided ? inPart : path.join(folder, UNET_CONFIG),
    scheduler: await firstThere([
      path.join(folder, 'scheduler', SCHEDULER_CONFIG),
      path.join(folder, SCHEDULER_CONFIG),
      // Of a UNet's folder within a pipeline's.
      path.join(folder, '..', 'scheduler', SCHEDULER_CONFIG),
    ]),
  };
}

/** What configs beside a single file are called after it. */
export function namedAfter(modelPath: string): readonly [unet: string, scheduler: string] {
  const stem = withoutModelEnding(modelPath);
  return [`${stem}.json`, `${stem}.scheduler.json`];
}

/** The configs beside a single file that belong beside its result under the result's name. */
export async function configsFor(sourcePath: string, outputPath: string): Promise<SidecarFile[]> {
  const found = await configFilesBeside(sourcePath);
  if (!found) return [];
  const [unet, scheduler] = namedAfter(outputPath);
  return [
    { from: found.unet, to: unet },
    ...(found.scheduler === null ? [] : [{ from: found.scheduler, to: scheduler }]),
  ];
}

async function configFilesBeside(modelPath: string): Promise<ConfigFiles | null> {
  const folder = path.dirname(modelPath);
  const [ownUnet, ownScheduler] = namedAfter(modelPath);
  for (const unet of [ownUnet, path.join(folder, UNET_CONFIG)]) {
    // One of the same name may be about the model, as managers of models write them.
    if (!(await pathExists(unet)) || !(await isPixelUnetConfig(unet))) continue;
    const { scheduler } = await configFilesIn(folder);
    return { unet, scheduler: (await firstThere([ownScheduler])) ?? scheduler };
  }
  return null;
}

async function firstThere(paths: readonly string[]): Promise<string | null> {
  for (const candidate of paths) if (await pathExists(candidate)) return candidate;
  return null;
}
