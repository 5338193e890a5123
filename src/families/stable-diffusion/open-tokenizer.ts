import path from 'node:path';

import { type ClipTokenizer, createClipTokenizer } from '../../tokenizer/clip-tokenizer.ts';
import type { TokenizerConfig } from '../../tokenizer/tokenizer-config.ts';
import type { Opened } from './opened.ts';
import { readTokenizerFolder, tokenizerFolders } from './diffusers/tokenizer-folder.ts';

/** What makes a text encoder's ids of a prompt. */
export interface OpenTokenizer {
  readonly tokenizer: ClipTokenizer;
  readonly frame: TokenizerConfig;
}

/** A tokenizer for each text encoder: of the model's own vocabulary where it has one, else of CLIP's. */
export async function openTokenizers({
  file,
  architecture,
}: Pick<Opened, 'file' | 'architecture'>): Promise<OpenTokenizer[]> {
  const opened = architecture.textEncoders.map(async ({ tokenizer: frame }, position) => {
    if (frame.vocabulary === null) return { tokenizer: createClipTokenizer(), frame };
    const folder = path.join(file.path, tokenizerFolders[position] ?? '');
    const { vocabulary } = await readTokenizerFolder(folder);
    return { tokenizer: createClipTokenizer(vocabulary ?? undefined), frame };
  });
  return Promise.all(opened);
}
