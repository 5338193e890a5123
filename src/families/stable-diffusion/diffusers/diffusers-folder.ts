import path from 'node:path';

import { pathExists } from '../../../checkpoint/output-path.ts';
import { openSafetensors, type SafetensorsFile } from '../../../checkpoint/safetensors-reader.ts';
import { type Component, findWeightFiles } from '../../folder/component-weights.ts';
import { findFolderCopies } from '../../folder/folder-copies.ts';
import { listFolder } from '../../folder/folder-files.ts';
import type { ModelFolder, WeightFile } from '../../folder/model-folder.ts';
import { listComponents, MODEL_INDEX } from '../../folder/model-index.ts';
import { closeAll, type FolderContent, OpenFolder } from '../../folder/open-folder.ts';
import type { ModelFiles } from '../../model-files.ts';
import type { LdmConfig } from '../ldm-config.ts';
import type { Version } from '../version.ts';
import { configFiles, readModelConfig, unetConfig } from './model-config.ts';
import { tokenizerFiles } from './tokenizer-folder.ts';
import { requireConfiguredBlocks } from './unet-blocks.ts';
import { unetNames } from './unet-names.ts';
import { vaeNames, vaeShape } from './vae-names.ts';

/** A Stable Diffusion model as diffusers keeps it, a folder for each part, open for reading. */
export interface DiffusersFolder extends ModelFolder {
  /** What its configs say. */
  readonly ldmConfig: LdmConfig;
}

interface MappedComponent extends Component {
  readonly namesOf: (keys: readonly string[]) => Map<string, string>;
}

function mappedComponents({ encoders }: Version): MappedComponent[] {
  const stem = 'diffusion_pytorch_model';
  return [
    { folder: 'unet', stem, namesOf: unetNames },
    // By transformers' names where single files have the encoder: see `locateTextEncoder`.
    ...encoders.map(({ component, prefix }) => ({
      folder: component,
      stem: 'model',
      namesOf: (keys: readonly string[]) => new Map(keys.map((key) => [key, prefix + key])),
    })),
    { folder: 'vae', stem, namesOf: vaeNames },
  ];
}

/** Whether a path is a folder with a diffusers model. */
export async function isDiffusersFolder(modelPath: string): Promise<boolean> {
  return pathExists(path.join(modelPath, MODEL_INDEX));
}

/**
 * Opens a folder with a Stable Diffusion model and checks the headers of its weights. Its tensors
 * have the names and shapes that a single-file checkpoint of the same model would have; those of
 * open_clip's text encoders are where they would be, by the names that transformers has.
 *
 * @throws AppError `checkpoint.not-safetensors` if it has only pickles, `model.unsupported` for other models, `checkpoint.damaged`, `checkpoint.config`
 */
export async function openDiffusersFolder(folderPath: string): Promise<DiffusersFolder> {
  const folder = path.resolve(folderPath);
  const { version, ldmConfig } = await readModelConfig(folder);
  const opened: SafetensorsFile[] = [];
  try {
    const weightFiles: WeightFile[] = [];
    const inUse = new Set<string>();
    for (const component of mappedComponents(version)) {
      const { shards, index } = await findWeightFiles(folder, component);
      for (const name of shards) opened.push(await openSafetensors(path.join(folder, name)));
      const files = opened.slice(-shards.length);
      const keys = files.flatMap(({ tensors }) => [...tensors.keys()]);
      if (component.folder === 'unet') {
        await requireConfiguredBlocks(path.join(folder, unetConfig), keys);
      }
      const names = component.namesOf(keys);
      weightFiles.push(...files.map((file, i) => ({ name: shards[i] ?? '', file, names })));
      for (const name of index === null ? shards : [...shards, index]) inUse.add(name);
    }
    const components = await listComponents(folder);
    const all = await listFolder(folder);
    const copies = await findFolderCopies(folder, all, { inUse, components, unetTensor });
    const files = all.filter(({ name }) => !copies.has(name));
    const present = [...configFiles, ...tokenizerFiles].filter((file) =>
      files.some(({ name }) => name === file),
    );
    const content = {
      ...{ weightFiles, files, mark: MODEL_INDEX, otherUnets: components.unets },
      decisive: [...present, ...weightFiles.map(({ name }) => name)].sort(),
      leftOut: [...copies].map((name) => name.split(path.sep).join('/')),
    };
    return new OpenDiffusersFolder(folder, content, ldmConfig);
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

/** Of names of tensors: a UNet's by the names of LDM, of its averages, and of diffusers. */
const unetTensor =
  /(^|diffusion_model|\.)(input_blocks|output_blocks)\.?\d+\.?\d+|(down|up)_blocks\.\d+\.attentions\.\d+\.transformer_blocks\./;

class OpenDiffusersFolder extends OpenFolder implements DiffusersFolder {
  readonly ldmConfig: LdmConfig;

  constructor(folder: string, content: FolderContent, ldmConfig: LdmConfig) {
    super(folder, content, vaeShape);
    this.ldmConfig = ldmConfig;
  }
}

/** Whether a model was opened by {@link openDiffusersFolder}. */
export function isOpenFolder(file: ModelFiles): file is DiffusersFolder {
  return file instanceof OpenDiffusersFolder;
}
