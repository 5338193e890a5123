import { lstat } from 'node:fs/promises';
import path from 'node:path';

import { systemErrorCode } from '../system-error.ts';

/** What most file systems allow a name, in bytes; others less: eCryptfs 143. */
const USUAL_NAME_BYTES = 255;

/**
 * How many bytes a name may have in a folder, 255 at most. Asked by looking for names that are not
 * there: limits are in no list, and a path that is nearly too long itself leaves its names less.
 */
export async function longestNameBytes(folder: string): Promise<number> {
  if (await takesName(folder, USUAL_NAME_BYTES)) return USUAL_NAME_BYTES;
  let [taken, refused] = [0, USUAL_NAME_BYTES];
  while (refused - taken > 1) {
    const bytes = Math.floor((taken + refused) / 2);
    if (await takesName(folder, bytes)) taken = bytes;
    else refused = bytes;
  }
  return taken;
}

async function takesName(folder: string, bytes: number): Promise<boolean> {
  try {
    await lstat(path.join(folder, 'x'.repeat(bytes)));
    return true;
  } catch (error) {
    return systemErrorCode(error) !== 'ENAMETOOLONG';
  }
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** As much of a text's beginning as `maxBytes` of UTF-8 hold, without cutting what reads as one character. */
export function cutToBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  let bytes = 0;
  let kept = '';
  for (const { segment } of graphemes.segment(text)) {
    bytes += Buffer.byteLength(segment);
    if (bytes > maxBytes) break;
    kept += segment;
  }
  return kept;
}

/** Devices of Windows, which stand for no file whatever their ending. */
const deviceName = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])$/i;

/**
 * Why a name is one that not every system takes, or keeps as it is, as the end of a sentence; null
 * for one that may be given. `<>:"|?*` are left to the file system: outside Windows names have them.
 *
 * (Microsoft, "Naming Files, Paths, and Namespaces")
 */
export function nameFault(name: string, platform = process.platform): string | null {
  // Of "con.a.b" all of the ending counts, of "con .txt" the space does not.
  const stem = name.replace(/\..*$/s, '').trimEnd();
  if (deviceName.test(stem)) return `"${stem}" is the name of a device on Windows`;
  if (/[. ]$/.test(name)) return 'Windows drops dots and spaces at the end of a name';
  if (/[\0-\x1f\x7f]/.test(name)) return 'it holds a control character';
  if (platform === 'win32' && /[<>:"|?*]/.test(name)) {
    return 'Windows allows none of < > : " | ? * in a name';
  }
  return null;
}
