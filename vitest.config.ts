import { defineConfig } from 'vitest/config';
import { softwareVulkan } from './test/helpers/software-vulkan.ts';

// Forked processes: onnxruntime-node does not recognise typed arrays made in a vm context.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 180_000,
    include: ['test/**/*.test.ts'],
    env: softwareVulkan(process.env),
  },
});
