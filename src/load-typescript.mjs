import * as nodeModule from 'node:module';

// Lets this process import our TypeScript; first of all imports, or `node --import` it.

// Much of a start is compiling the same modules again. Node 20 has no such cache.
nodeModule.enableCompileCache?.();
// From Node 24 on there is no need of a loader. (22 has its own too, and warns that it is new.)
if (Number.parseInt(process.versions.node) < 24) {
  const { register } = await import('tsx/esm/api');
  // The folder that it is called from may hold a tsconfig.json of another project.
  register({ tsconfig: false });
}
