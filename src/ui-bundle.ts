import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { build, stop } from 'esbuild';

import { packageFolder } from './package-folder.ts';

const folder = path.join(packageFolder, 'ui');

const mediaTypes: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * The page by path: `index.html`, which must not be cached, and the files that it names, whose names
 * change with their content. Takes about a tenth of a second.
 */
export async function bundleUi(): Promise<Map<string, { type: string; body: Buffer }>> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: folder,
    entryPoints: ['main.tsx', 'style.css', 'icon.svg'],
    entryNames: '[name]-[hash]',
    loader: { '.svg': 'copy' },
    outdir: 'dist',
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    // A method's work is loaded where it runs: the page only knows its settings.
    external: ['*/trainer.ts', '*/solve.ts'],
  });
  // Its process would stay for as long as the server.
  await stop();
  const files = new Map<string, { type: string; body: Buffer }>();
  for (const { path: file, contents } of outputFiles) {
    const type = mediaTypes[path.extname(file)] ?? 'application/octet-stream';
    files.set(path.basename(file), { type, body: Buffer.from(contents) });
  }
  let html = await readFile(path.join(folder, 'index.html'), 'utf8');
  for (const [output, { entryPoint }] of Object.entries(metafile.outputs)) {
    if (entryPoint !== undefined)
      html = html.replace(`"${entryPoint}"`, `"${path.basename(output)}"`);
  }
  return files.set('index.html', { type: 'text/html; charset=utf-8', body: Buffer.from(html) });
}
