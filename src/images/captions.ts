import { decodeText } from '../decode-text.ts';
import { captionOfEntry, entriesOfFolder } from './caption-json.ts';

/** A file that may hold captions. */
export interface CaptionFile {
  /** Within its folder. */
  readonly name: string;
  readonly bytes: number;
  readonly read: () => Promise<Uint8Array>;
}

/** What a folder's files say of its pictures. */
export interface FolderCaptions {
  /** Captions, never empty, by the pictures' names. */
  readonly captions: ReadonlyMap<string, string>;
  readonly faults: readonly CaptionFault[];
}

/** A file that cannot be used: `problem` goes on after its name, as the end of a sentence. */
export interface CaptionFault {
  readonly name: string;
  readonly problem: string;
}

/**
 * Files that hold captions, the first of those that have one for a picture counting: text in
 * `NAME.txt`, then `NAME.caption`; `NAME.json`; a `.json` or `.jsonl` of the whole folder.
 */
export const captionEndings = ['.txt', '.caption', '.json', '.jsonl'] as const;
type Ending = (typeof captionEndings)[number];

/** Far longer than what any text encoder takes in. */
const MAX_CAPTION_BYTES = 16_384;
/** What image boards say of a picture takes some KB; of a folder's pictures a thousand times as much. */
const MAX_JSON_BYTES = 16 * 1024 * 1024;

/** Whether a name is that of a file that may hold captions. */
export function isCaptionFile(name: string): boolean {
  return endingOf(name) !== undefined;
}

/**
 * The captions of a folder's pictures. `NAME` is a picture's name with or without its ending, in
 * whatever case or Unicode form. Several lines are one caption. A file that is not needed, because
 * another one goes before it, is not read.
 *
 * @param images names of the pictures in one folder; one that is there twice is none that a caption is
 *   known to be of
 * @param files those of the same folder that may hold captions
 */
export async function readCaptions(
  images: readonly string[],
  files: readonly CaptionFile[],
): Promise<FolderCaptions> {
  const names = new PictureNames(images);
  const captions = new Map<string, string>();
  const faults: CaptionFault[] = [];
  const ranked = files
    .map((file) => ({ file, ...roleOf(file, names) }))
    .sort((a, b) => a.rank - b.rank);
  for (const { file, owners, isOfFolder } of ranked) {
    const open = (isOfFolder ? images : owners).filter((image) => !captions.has(image));
    if (!isOfFolder && owners.length === 0) {
      faults.push({ name: file.name, problem: 'is a caption without its image: leave it out' });
    } else if (new Set(owners).size < owners.length) {
      const problem = 'may be of any of several images of one name: give it together with its own';
      faults.push({ name: file.name, problem });
    } else if (open.length > 0) {
      try {
        const found = isOfFolder
          ? await captionsOfFolder(file, names)
          : await captionOfPictures(file, open);
        for (const [image, caption] of found) {
          if (!captions.has(image) && caption !== '') captions.set(image, caption);
        }
      } catch (error) {
        faults.push({ name: file.name, problem: (error as Error).message });
      }
    }
  }
  return { captions, faults };
}

/** Whose captions a file holds, and which files go before it. */
function roleOf({ name }: CaptionFile, names: PictureNames) {
  const ending = endingOf(name) ?? '.txt';
  const stem = name.slice(0, -ending.length);
  const owners = ending === '.jsonl' ? [] : names.find(stem);
  const isOfFolder = ending === '.jsonl' || (ending === '.json' && owners.length === 0);
  // That of `1.png.txt` is of one picture, that of `1.txt` perhaps of two.
  const isOfOne = owners.includes(stem);
  const rank = 2 * captionEndings.indexOf(isOfFolder ? '.jsonl' : ending) + (isOfOne ? 0 : 1);
  return { owners, isOfFolder, rank };
}

/** @throws Error with the end of a sentence on the file, as all that follow */
async function captionOfPictures(
  file: CaptionFile,
  owners: readonly string[],
): Promise<Map<string, string>> {
  const isJson = endingOf(file.name) === '.json';
  requireSize(file, isJson ? MAX_JSON_BYTES : MAX_CAPTION_BYTES);
  const text = decodeText(await file.read());
  const caption = isJson ? captionOfEntry(parseJson(text)) : text;
  if (caption === undefined) {
    throw new Error(
      'holds no caption that is known: give it an entry "caption" or "tags", or write the caption to a text file',
    );
  }
  return new Map(owners.map((image) => [image, tidy(caption)]));
}

async function captionsOfFolder(
  file: CaptionFile,
  names: PictureNames,
): Promise<Map<string, string>> {
  requireSize(file, MAX_JSON_BYTES);
  const text = decodeText(await file.read());
  const isLines = endingOf(file.name) === '.jsonl';
  const entries = entriesOfFolder(isLines ? parseLines(text) : parseJson(text));
  const found = new Map<string, string>();
  for (const [picture, entry] of entries ?? []) {
    const owners = names.find(picture.replace(/^.*[/\\]/s, ''));
    const caption = captionOfEntry(entry);
    if (caption !== undefined) for (const image of owners) found.set(image, tidy(caption));
  }
  if (found.size > 0) return found;
  throw new Error('holds no caption that is known of any image here: move it elsewhere');
}

function requireSize({ bytes }: CaptionFile, maxBytes: number): void {
  if (bytes > maxBytes) throw new Error(`has ${bytes} bytes, more than ${maxBytes}: shorten it`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error('is not JSON: correct it, or leave it out');
  }
}

function parseLines(text: string): unknown[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(parseJson);
}

/** On one line: several lines are wrapped text to most trainers, and prompts have one. */
function tidy(caption: string): string {
  return caption.replace(/\s*[\r\n\u2028\u2029]+\s*/g, ' ').trim();
}

function endingOf(name: string): Ending | undefined {
  const lower = name.toLowerCase();
  return captionEndings.find((ending) => lower.endsWith(ending) && lower.length > ending.length);
}

/** The pictures of a folder, found by their names with or without ending. */
class PictureNames {
  private readonly exact = new Map<string, string[]>();
  private readonly folded = new Map<string, string[]>();

  constructor(images: readonly string[]) {
    for (const image of images) {
      for (const name of new Set([image, image.replace(/\.[^.]*$/, '')])) {
        add(this.exact, name, image);
        add(this.folded, fold(name), image);
      }
    }
  }

  /** The name as it is goes before others that only differ in case or Unicode form. */
  find(name: string): readonly string[] {
    return this.exact.get(name) ?? this.folded.get(fold(name)) ?? [];
  }
}

function add(lists: Map<string, string[]>, name: string, image: string): void {
  lists.set(name, [...(lists.get(name) ?? []), image]);
}

const fold = (name: string) => name.normalize('NFC').toLowerCase();
