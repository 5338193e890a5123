import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';

// Lets this process import our TypeScript; first of all imports, or `node --import` it.

// Much of a start is compiling the same modules again. Node 20 has no such cache.
nodeModule.enableCompileCache?.();
// From Node 24 on there is no need of a loader. (22 has its own too, and warns that it is new.)
if (Number.parseInt(process.versions.node) < 24) {
  if (!canKeepTranslations()) process.env.TSX_DISABLE_CACHE = '1';
  const { register } = await import('tsx/esm/api');
  // The folder that it is called from may hold a tsconfig.json of another project.
  register({ tsconfig: false });
}

/**
 * Whether tsx can keep what it has translated where it does so, in a folder of this user's in that for
 * temporary files: it ends the program where it cannot, and would run what another user put there.
 */
function canKeepTranslations() {
  const user = process.geteuid?.();
  const folder = path.join(tmpdir(), `tsx-${user ?? userInfo().username}`);
  try {
    if (!path.isAbsolute(folder)) return false;
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return user === undefined || statSync(folder).uid === user;
  } catch {
    return false;
  }
}
