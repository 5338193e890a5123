import path from 'node:path';

import { isFolder } from '../checkpoint/output-path.ts';

/** Where web UIs look for LoRAs, unless told otherwise: beside the folder that checkpoints lie in. */
const besideCheckpoints: Readonly<Record<string, string>> = {
  // AUTOMATIC1111 and its relatives.
  'Stable-diffusion': 'Lora',
  // ComfyUI.
  checkpoints: 'loras',
};

/**
 * The folder of LoRAs of the web UI that a checkpoint belongs to, as its place tells, which may be a folder
 * within the one of checkpoints; null where there is none.
 */
export async function usualLoraFolder(modelPath: string): Promise<string | null> {
  let folder = path.dirname(path.resolve(modelPath));
  for (;;) {
    const parent = path.dirname(folder);
    const name = besideCheckpoints[path.basename(folder)];
    if (name !== undefined && (await isFolder(path.join(parent, name)))) {
      return path.join(parent, name);
    }
    if (parent === folder) return null;
    folder = parent;
  }
}
