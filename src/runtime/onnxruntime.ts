import { createRequire } from 'node:module';

import { AppError } from '../errors.ts';

type Runtime = typeof import('onnxruntime-node');

/**
 * ONNX Runtime's package. Whoever imports this module where its library cannot be loaded is thrown an
 * AppError `device.unavailable` that says what is missing.
 */
export const runtime = loadRuntime();

function loadRuntime(): Runtime {
  try {
    return createRequire(import.meta.url)('onnxruntime-node') as Runtime;
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new AppError(
      'device.unavailable',
      `ONNX Runtime, which does all computing, cannot be loaded (${reason}). ${cureOf(process)}`,
      { cause },
    );
  }
}

/** What such a system mostly lacks. */
export function cureOf({
  platform,
  arch,
  report,
}: Pick<NodeJS.Process, 'platform' | 'arch' | 'report'>): string {
  const again = 'install the packages again: npm ci in the folder of this program.';
  if (platform === 'win32') {
    return `Install the Microsoft Visual C++ Redistributable (https://aka.ms/vs/17/release/vc_redist.${arch}.exe), then try again; or ${again}`;
  }
  if (platform !== 'linux') return `There may be none for ${platform} on ${arch}; or ${again}`;
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined
    ? 'It needs the GNU C library, and this system has another one (Alpine’s musl). Use a system or a container image with it, such as Debian.'
    : `It needs the GNU C++ library too (libstdc++6); or ${again}`;
}
