import { describe } from 'vitest';

/** Whether WebGPU must work here: outside Linux the system always has a driver. */
const isExpected = process.platform !== 'linux' || Boolean(process.env.VK_ICD_FILENAMES);

if (!isExpected) {
  const remedy =
    'no Vulkan driver: install chromium (Debian), whose software driver the tests use, ' +
    'or set VK_ICD_FILENAMES';
  if (process.env.CI) throw new Error(`the WebGPU tests may not be skipped in CI, but ${remedy}`);
  console.warn(`The WebGPU tests are skipped: ${remedy}.`);
}

/** A `describe` for tests that need WebGPU; skipped aloud where there is no driver, never in CI. */
export const describeOnWebgpu = describe.skipIf(!isExpected);
