import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { build, stop } from 'esbuild';

import { packageFolder } from './package-folder.ts';

const folder = path.join(packageFolder, 'ui');

/** Makes the files of the page, by name: `index.html` and those that it names. */
export async function bundlePage(): Promise<Map<string, Buffer>> {
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
    // Each language in a file of its own, loaded where it is chosen.
    splitting: true,
    chunkNames: '[name]-[hash]',
    target: 'es2022',
    legalComments: 'none',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    // A method's work is loaded where it runs: the page only knows its settings.
    external: ['*/trainer.ts', '*/solve.ts'],
  });
  // Its process would stay for as long as the server.
  await stop();
  const files = new Map(
    outputFiles.map(({ path: file, contents }) => [path.basename(file), Buffer.from(contents)]),
  );
  let html = await readFile(path.join(folder, 'index.html'), 'utf8');
  for (const [output, { entryPoint }] of Object.entries(metafile.outputs)) {
    if (entryPoint !== undefined)
      html = html.replace(`"${entryPoint}"`, `"${path.basename(output)}"`);
  }
  return files.set('index.html', Buffer.from(html));
}
