import path from 'node:path';

import { removeAbandonedIn } from '../checkpoint/atomic-file.ts';
import { askProcess, type AskOptions } from '../processes/ask-process.ts';

/**
 * Has a process of its own draw pictures into a folder. However it ends, no half picture is left.
 *
 * @param options `folder`: where it writes; undefined where it does not
 * @throws AppError as `askProcess`
 */
export async function askPainter(
  worker: URL,
  question: unknown,
  { folder, ...options }: AskOptions & { readonly folder: string | undefined },
): Promise<void> {
  try {
    await askProcess(worker, question, options);
  } catch (error) {
    if (folder !== undefined)
      await removeAbandonedIn(path.resolve(folder), (name) => name.endsWith('.png'));
    throw error;
  }
}
