import path from 'node:path';

import type { Checkpoint } from '../checkpoint.ts';
import { readTokenizerFolder } from './diffusers/tokenizer-folder.ts';
import { type ClipTokenizer, createClipTokenizer } from '../../tokenizer/clip-tokenizer.ts';

/** The checkpoint's tokenizer: of its own vocabulary where it has one, else of CLIP's. */
export async function openTokenizer({ file, architecture }: Checkpoint): Promise<ClipTokenizer> {
  const [encoder] = architecture.textEncoders;
  if (encoder === undefined || encoder.tokenizer.vocabulary === null) return createClipTokenizer();
  const { vocabulary } = await readTokenizerFolder(path.join(file.path, 'tokenizer'));
  return createClipTokenizer(vocabulary ?? undefined);
}
