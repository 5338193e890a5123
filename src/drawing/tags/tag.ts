import { promptText } from '../../tokenizer/prompt-text.ts';

/** One tag of a prompt. */
export interface Tag {
  /** As it is written, with its weight and brackets. */
  readonly text: string;
  /** What it is called: small letters, blanks, without weight, escapes and what leads to an artist. */
  readonly name: string;
  /** `by `, `artist:` and the like, as written; empty where the name stands by itself. */
  readonly lead: string;
  /** The name as it is written, which `text` holds. */
  readonly written: string;
}

const artistLead =
  /^(?:artist\s*:\s*|by[ _]artist[ _]|by[ _]|@|(?:art|drawn|painted|illustrated|drawing)[ _]by[ _]|(?:in[ _]the[ _])?style[ _]of[ _])/i;

/** The tags of a prompt in their order, without what web UIs take out of it. */
export function parseTags(prompt: string): Tag[] {
  return promptText(prompt)
    .split(/[,\n，、]|\sBREAK\s/u)
    .flatMap((part) => readTag(part.trim()) ?? []);
}

function readTag(text: string): Tag | null {
  const bare = withoutWeight(text);
  if (bare === '') return null;
  const [lead = ''] = artistLead.exec(bare) ?? [];
  const written = bare.slice(lead.length).trim();
  const name = tagName(written);
  return name === '' ? null : { text, name, lead, written };
}

/** `((wlop:1.2))` gives `wlop`; `saber \(fate\)` and `ganyu_(genshin_impact)` keep their brackets. */
function withoutWeight(text: string): string {
  let bare = text.replace(/^[\s[{(]+|(?<!\\)[\s\]}]+$/g, '');
  const opened = () => (bare.match(/(?<!\\)\(/g) ?? []).length;
  const closed = () => (bare.match(/(?<!\\)\)/g) ?? []).length;
  while (closed() > opened() && /(?<!\\)\)$/.test(bare)) bare = bare.slice(0, -1);
  return bare.replace(/:\s*-?[\d.]+\s*$/, '').trim();
}

/** A tag's name for comparison: `Hatsune_Miku`, `saber \(fate\)`; `score_9` has blanks too. */
export function tagName(written: string): string {
  return written
    .replace(/\\(?=[()])/g, '')
    .replaceAll('_', ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .toLowerCase();
}

/** A name as a tag: in small letters, its brackets escaped, as web UIs would weigh what is in plain ones. */
export function writeTag(name: string, { underscores }: { underscores: boolean }): string {
  const written = name
    .trim()
    .toLowerCase()
    .replace(/\\?([()])/g, '\\$1');
  return underscores ? written.replace(/\s+/g, '_') : written;
}

/** Whether a name has all the words of another: `dark blue hair` those of `blue hair`. */
export function hasWordsOf(name: string, other: string): boolean {
  const words = new Set(tagWords(name));
  return tagWords(other).every((word) => words.has(word));
}

/** The words of a name. */
export function tagWords(name: string): string[] {
  return name.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
}
