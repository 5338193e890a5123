import { defineConfig } from 'vitest/config';
import { softwareVulkan } from './test/helpers/software-vulkan.ts';

const webgpu = ['test/**/*webgpu*.test.ts'];

// Forked processes: onnxruntime-node does not recognise typed arrays made in a vm context.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 180_000,
    projects: [
      {
        extends: true,
        test: { name: 'webgpu', include: webgpu, env: softwareVulkan(process.env) },
      },
      // Without the software driver: all that tries the devices of its own accord would wait for it.
      { extends: true, test: { name: 'cpu', include: ['test/**/*.test.ts'], exclude: webgpu } },
    ],
  },
});
