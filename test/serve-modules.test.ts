import { build } from 'esbuild';
import { expect, it } from 'vitest';

// Where Node needs a loader for TypeScript, each module costs a start some milliseconds: the engine
// is for the processes that train, estimate and check.
it.each([
  ['serve', 'src/serve.ts', 'express'],
  ['the command line', 'src/main.ts', 'commander'],
])(
  '%s starts without the engine, and without what only many machines need',
  async (_, entry, needed) => {
    const loaded = await modulesOf(entry);
    expect(loaded).toContain(needed);
    expect(loaded).not.toContain('onnxruntime-node');
    const shared =
      /^(bullmq|ioredis|prom-client|@aws-sdk\/|@bull-board\/)|^src\/jobs\/(redis|store)\//;
    expect(loaded.filter((name) => shared.test(name))).toEqual([]);
    const engine = /^src\/(autodiff|models|onnx|pipeline)\/|^src\/runtime\/onnxruntime/;
    expect(loaded.filter((name) => engine.test(name))).toEqual([]);
  },
);

/** What is loaded with a module, packages by their names; what it imports later is not. */
async function modulesOf(entry: string): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
  });
  const loaded = new Set([entry]);
  for (const name of loaded) {
    for (const { path, kind } of metafile.inputs[name]?.imports ?? []) {
      if (kind === 'import-statement') loaded.add(path);
    }
  }
  return [...loaded];
}
