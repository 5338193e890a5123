import { defineConfig } from 'vitest/config';
import { slowTests, SlowestFirst } from './test/helpers/slowest-first.ts';
import { softwareDrivers, withoutVulkan } from './test/helpers/software-vulkan.ts';

const all = ['test/**/*.test.ts'];
const webgpu = ['test/**/*webgpu*.test.ts'];
const slow = slowTests.map((start) => `${start}**`);
const [driver, another] = softwareDrivers(process.env);

// Forked processes: onnxruntime-node does not recognise typed arrays made in a vm context.
export default defineConfig(({ mode }) => {
  // --mode long: what is long by nature runs in full. --mode fast: what is slow does not run.
  const environment = { ERASE_CONCEPT_LONG_TESTS: mode === 'long' ? '1' : '' };
  const left = mode === 'fast' ? slow : [];
  return {
    test: {
      pool: 'forks',
      // Files share a process, which has loaded what they test: a fifth of the time of the small ones.
      isolate: false,
      maxWorkers: 3,
      testTimeout: 180_000,
      hookTimeout: 60_000,
      sequence: { sequencer: SlowestFirst },
      projects: [
        {
          extends: true,
          test: {
            name: 'webgpu',
            include: webgpu,
            exclude: left,
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
                  exclude: left,
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
            exclude: [...webgpu, ...left],
            env: { ...environment, ...withoutVulkan },
          },
        },
      ],
    },
  };
});
