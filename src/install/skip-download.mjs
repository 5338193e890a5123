import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

// Runs before this package is installed from a registry. On Linux the runtime's own install script, which
// npm runs afterwards, downloads CUDA's libraries from NuGet and fails the whole installation where that
// cannot be reached; this program works without them. Who wants them says so, as the runtime documents it.
const lines = `// erase-concept: only where it is asked for.
if (!process.env.ONNXRUNTIME_NODE_INSTALL && !process.env.npm_config_onnxruntime_node_install) process.exit(0);
`;

try {
  const { resolve } = createRequire(import.meta.url);
  const script = path.join(
    path.dirname(resolve('onnxruntime-node/package.json')),
    'script/install.js',
  );
  const text = readFileSync(script, 'utf8');
  if (!text.startsWith(lines)) writeFileSync(script, lines + text);
} catch (error) {
  console.warn(`The runtime's own install script stays as it is: ${String(error)}`);
}
