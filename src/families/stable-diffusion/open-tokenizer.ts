import path from 'node:path';

import { type ClipTokenizer, createClipTokenizer } from '../../tokenizer/clip-tokenizer.ts';
import { type ClipVocabulary, loadClipVocabulary } from '../../tokenizer/clip-vocabulary.ts';
import { withLearnedWords } from '../../tokenizer/learned-words.ts';
import type { TokenizerConfig } from '../../tokenizer/tokenizer-config.ts';
import type { Opened } from './opened.ts';
import { readTokenizerFolder, tokenizerFolders } from './diffusers/tokenizer-folder.ts';

/** What makes a text encoder's ids of a prompt. */
export interface OpenTokenizer {
  readonly tokenizer: ClipTokenizer;
  readonly frame: TokenizerConfig;
  /** Its words, but for those that were learnt; read when it is asked for. */
  vocabulary(): ClipVocabulary;
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
  const own = async (frame: TokenizerConfig, position: number): Promise<ClipVocabulary | null> => {
    if (frame.vocabulary === null) return null;
    const folder = path.join(file.path, tokenizerFolders[position] ?? '');
    return (await readTokenizerFolder(folder)).vocabulary;
  };
  const opened = architecture.textEncoders.map(
    async ({ tokenizer: frame, vocabSize }, position) => {
      const vocabulary = await own(frame, position);
      const tokenizer = createClipTokenizer(vocabulary ?? undefined);
      return {
        tokenizer: withLearnedWords(tokenizer, words, vocabSize),
        frame,
        vocabulary: () => vocabulary ?? loadClipVocabulary(),
      };
    },
  );
  return Promise.all(opened);
}
