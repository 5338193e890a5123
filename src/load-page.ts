import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** A file of the page, as it is served. */
export interface PageFile {
  /** Its media type. */
  readonly type: string;
  readonly body: Buffer;
}

const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * The page by the names of its files: `index.html`, which must not be cached, and those that it names,
 * whose names change with their content. They lie beside the compiled program; where that runs from its
 * sources, they are made, in a tenth of a second.
 */
export async function loadPage(): Promise<Map<string, PageFile>> {
  const made = path.join(import.meta.dirname, '..', 'page');
  const files = existsSync(made) ? await readFiles(made) : await bundleNow();
  return new Map(
    [...files].map(([name, body]) => [
      name,
      { type: mediaTypes[path.extname(name)] ?? 'application/octet-stream', body },
    ]),
  );
}

async function readFiles(folder: string): Promise<[string, Buffer][]> {
  const names = await readdir(folder);
  return Promise.all(
    names.map(async (name): Promise<[string, Buffer]> => [
      name,
      await readFile(path.join(folder, name)),
    ]),
  );
}

async function bundleNow(): Promise<Map<string, Buffer>> {
  // Loaded when asked for: it brings the bundler.
  const { bundlePage } = await import('./bundle-page.ts');
  return bundlePage();
}
