/** Keys of what a picture shows, in words, the first that is filled counting. */
const captionKeys = ['caption', 'text', 'prompt', 'description'];

/**
 * The caption in what other programs say of a picture in JSON; undefined where none is found that we
 * know. kohya's trainers and img2dataset have `caption` (and kohya's `tags`, which go behind it),
 * Hugging Face's image folders `text`, others `prompt` or `description`; gallery-dl and the image
 * boards `tag_string` or `tags`: with commas, separated by spaces, as a list, or in groups (e621).
 */
export function captionOfEntry(entry: unknown): string | undefined {
  if (!isObject(entry)) return undefined;
  const key = captionKeys.find((name) => textOf(entry[name]) !== undefined);
  const words = key && textOf(entry[key]);
  // Only a caption was made to have tags behind it.
  if (words !== undefined && key !== 'caption') return words;
  const board = textOf(entry.tag_string);
  const tags = board === undefined ? joinTags(entry.tags) : boardTags(board);
  const parts = [words, tags].filter((part) => part !== undefined && part !== '');
  return parts.length === 0 ? undefined : parts.join(', ');
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

function joinTags(tags: unknown): string | undefined {
  if (typeof tags === 'string') return isBoardString(tags) ? boardTags(tags) : textOf(tags);
  const list: unknown[] = isObject(tags)
    ? Object.values(tags).flat()
    : Array.isArray(tags)
      ? tags
      : [];
  return list
    .flatMap((tag) => textOf(tag) ?? [])
    .map(boardTag)
    .join(', ');
}

/** Tags without a comma between them and with underscores for spaces, as image boards give them. */
function isBoardString(tags: string): boolean {
  return !tags.includes(',') && /\w_[\w(]/.test(tags);
}

function boardTags(tags: string): string {
  return tags
    .split(/\s+/)
    .filter((tag) => tag !== '')
    .map(boardTag)
    .join(', ');
}

/**
 * A tag as prompts have it: with spaces for underscores, but for faces like `^_^`, and its
 * parentheses as such, which would else be emphasis.
 */
function boardTag(tag: string): string {
  if (!/[\p{Letter}\p{Number}]{2}/u.test(tag) || !tag.includes('_')) return tag;
  return tag.replaceAll('_', ' ').replace(/(?<!\\)[()]/g, '\\$&');
}

/** Keys that say which picture an entry is of, in Hugging Face's and others' lists. */
const fileKeys = ['file_name', 'image_path', 'image', 'file', 'path', 'filename'];

/**
 * The entries of a file that captions a whole folder, by what each says of its picture: kohya's
 * `meta_cap.json` ({path: entry}, the path with or without its ending), or lines or a list of entries
 * that name a `file_name`. Null for what is neither.
 */
export function entriesOfFolder(value: unknown): Map<string, unknown> | null {
  if (Array.isArray(value)) {
    const entries = new Map<string, unknown>();
    for (const entry of value as unknown[]) {
      const file = fileOfEntry(entry);
      if (file === undefined) return null;
      entries.set(file, entry);
    }
    return entries;
  }
  if (!isObject(value)) return null;
  const entries = Object.entries(value);
  const isByPath = entries.length > 0 && entries.every(([, entry]) => isObject(entry));
  return isByPath ? new Map(entries) : null;
}

function fileOfEntry(entry: unknown): string | undefined {
  if (!isObject(entry)) return undefined;
  const file = fileKeys.map((key) => entry[key]).find((value) => typeof value === 'string');
  return typeof file === 'string' ? file : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
