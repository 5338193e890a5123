import { configPathOf, pathExists } from '../../checkpoint/output-path.ts';
import type { FamilyFiles, SidecarFile } from '../family-files.ts';
import { clipConfigPath } from './clip-config.ts';
import { isDiffusersFolder, openDiffusersFolder } from './diffusers/diffusers-folder.ts';
import { readLdmConfig } from './ldm-config.ts';
import { findUnetCopies } from './unet-copies.ts';

/** Single files with an LDM config beside them, and folders of diffusers. */
export const stableDiffusionFiles: FamilyFiles = {
  holdsFolder: isDiffusersFolder,
  openFolder: openDiffusersFolder,
  copiesIn: findUnetCopies,
  sidecars: findConfigs,
  namedAfter: (modelPath) => [configPathOf(modelPath)],
};

/**
 * The LDM config under the result's name and, if the result goes to another folder, the text encoder's
 * config that it names.
 */
async function findConfigs(sourcePath: string, outputPath: string): Promise<SidecarFile[]> {
  const ldmConfig = await readLdmConfig(sourcePath);
  if (!ldmConfig) return [];
  const configs = [{ from: configPathOf(sourcePath), to: configPathOf(outputPath) }];
  const version = ldmConfig.textEncoderVersion;
  if (version !== undefined) {
    const from = clipConfigPath(sourcePath, version);
    if (await pathExists(from)) configs.push({ from, to: clipConfigPath(outputPath, version) });
  }
  return configs;
}
