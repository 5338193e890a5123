import path from 'node:path';

import { type ClipTokenizer, createClipTokenizer } from '../../tokenizer/clip-tokenizer.ts';
import { withLearnedWords } from '../../tokenizer/learned-words.ts';
import type { TokenizerConfig } from '../../tokenizer/tokenizer-config.ts';
import type { Opened } from './opened.ts';
import { readTokenizerFolder, tokenizerFolders } from './diffusers/tokenizer-folder.ts';

/** What makes a text encoder's ids of a prompt. */
export interface OpenTokenizer {
  readonly tokenizer: ClipTokenizer;
  readonly frame: TokenizerConfig;
}

/**
 * A tokenizer for each text encoder: of the model's own vocabulary where it has one, else of CLIP's, with the
 * words that were learnt.
 */
export async function openTokenizers({
  file,
  architecture,
  words,
}: Pick<Opened, 'file' | 'architecture' | 'words'>): Promise<OpenTokenizer[]> {
  const own = async (frame: TokenizerConfig, position: number): Promise<ClipTokenizer> => {
    if (frame.vocabulary === null) return createClipTokenizer();
    const folder = path.join(file.path, tokenizerFolders[position] ?? '');
    const { vocabulary } = await readTokenizerFolder(folder);
    return createClipTokenizer(vocabulary ?? undefined);
  };
  const opened = architecture.textEncoders.map(
    async ({ tokenizer: frame, vocabSize }, position) => ({
      tokenizer: withLearnedWords(await own(frame, position), words, vocabSize),
      frame,
    }),
  );
  return Promise.all(opened);
}
