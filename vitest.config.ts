import { defineConfig } from 'vitest/config';
import { softwareDrivers, withoutVulkan } from './test/helpers/software-vulkan.ts';

const all = ['test/**/*.test.ts'];
const webgpu = ['test/**/*webgpu*.test.ts'];
const [driver, another] = softwareDrivers(process.env);

// Forked processes: onnxruntime-node does not recognise typed arrays made in a vm context.
export default defineConfig(({ mode }) => {
  // --mode long: what is long by nature runs in full.
  const environment = { ERASE_CONCEPT_LONG_TESTS: mode === 'long' ? '1' : '' };
  return {
    test: {
      pool: 'forks',
      maxWorkers: 2,
      testTimeout: 180_000,
      projects: [
        {
          extends: true,
          test: {
            name: 'webgpu',
            include: webgpu,
            env: { ...environment, ...driver?.environment },
          },
        },
        ...(another
          ? [
              {
                extends: true as const,
                test: {
                  name: `webgpu-${another.name}`,
                  include: ['test/runtime/webgpu.test.ts'],
                  env: { ...environment, ...another.environment },
                },
              },
            ]
          : []),
        // All that tries the devices of its own accord would wait for a software driver.
        {
          extends: true,
          test: {
            name: 'cpu',
            include: all,
            exclude: webgpu,
            env: { ...environment, ...withoutVulkan },
          },
        },
      ],
    },
  };
});
