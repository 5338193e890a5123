import { elementAt } from '../../element-at.ts';
import { joinColumns, splitRows } from '../../tensor/rows.ts';
import type { SoftWords } from '../family.ts';
import type { OpenTokenizer } from './open-tokenizer.ts';
import type { Opened } from './opened.ts';

/** Plain words: what people of any keyboard can type, and tell apart. */
const plainWord = /^[a-z]{3,}$/;

/** The embeddings of all ids of one of the text encoders: float32 [ids, C]. */
export function tokenEmbeddings(
  { file, architecture }: Opened,
  encoder: number,
): Promise<Float32Array> {
  const { keyPrefix, layout } = elementAt(architecture.textEncoders, encoder);
  const name =
    layout === 'openclip' ? 'token_embedding.weight' : 'embeddings.token_embedding.weight';
  return file.readFloat32(`${keyPrefix}${name}`);
}

/**
 * The words of a model that are one token each when they are typed, to every one of its text encoders, with
 * their embeddings. Those whose embedding is zero mean nothing to it.
 */
export async function readTypedWords(
  checkpoint: Opened,
  tokenizers: readonly OpenTokenizer[],
): Promise<SoftWords> {
  const tables: Float32Array[][] = [];
  for (const [i, { hiddenSize }] of checkpoint.architecture.textEncoders.entries()) {
    tables.push(splitRows(await tokenEmbeddings(checkpoint, i), hiddenSize));
  }
  const texts: string[] = [];
  const rows: Float32Array[] = [];
  for (const token of Object.keys(elementAt(tokenizers, 0).vocabulary().vocab)) {
    const text = token.replace(/<\/w>$/, '');
    if (text === token || !plainWord.test(text)) continue;
    const parts = tokenizers.map(({ tokenizer }, i) => {
      const [id, ...others] = tokenizer.encode(text);
      return id === undefined || others.length > 0 ? undefined : tables[i]?.[id];
    });
    const known = parts.filter((row) => row?.some((value) => value !== 0) === true);
    if (known.length < parts.length) continue;
    texts.push(text);
    rows.push(joinColumns(known as Float32Array[], 1));
  }
  return { texts, rows };
}
