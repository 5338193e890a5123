import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Stands for the address of the site while it is built. */
export const PLACEHOLDER = '/where-it-is-hosted/';

const BASE = 'window.siteBase';
/** All pages are in one folder: the site is where the page is that was opened. */
const baseScript = `<script>${BASE}=new URL(".",location.href).pathname</script>`;

/**
 * Makes a built site work wherever it is hosted, in a folder too. VitePress has to know the place
 * when it builds, and takes no relative one.
 *
 * @param folder what VitePress wrote; its files are changed in place
 */
export async function makeRelative(folder: string): Promise<void> {
  const files = await readdir(folder, { recursive: true });
  for (const file of files.filter((name) => /\.(html|js|css)$/.test(name))) {
    const place = path.join(folder, file);
    await writeFile(place, withoutPlaceholder(file, await readFile(place, 'utf8')));
  }
}

function withoutPlaceholder(file: string, text: string): string {
  if (file.endsWith('.html')) {
    return text
      .replaceAll(`\\"base\\":\\"${PLACEHOLDER}`, `\\"base\\":\\""+${BASE}+"`)
      .replaceAll(PLACEHOLDER, './')
      .replace('<head>', `<head>${baseScript}`);
  }
  if (file.endsWith('.css')) return text.replaceAll(`${PLACEHOLDER}assets/`, './');
  // The index of the search is JSON in a string of single quotes.
  if (file.includes('localSearchIndex')) return text.replaceAll(PLACEHOLDER, `'+${BASE}+'`);
  return text.replaceAll(`"${PLACEHOLDER}`, `(${BASE})+"`);
}
