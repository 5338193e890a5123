import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** A driver that computes on the CPU, and the environment in which the WebGPU provider finds it. */
export interface SoftwareDriver {
  readonly name: 'lavapipe' | 'swiftshader';
  /** Must stand before a process starts: the dynamic linker reads LD_LIBRARY_PATH once. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Environment of processes that shall find no GPU at all. */
export const withoutVulkan = { VK_ICD_FILENAMES: '/none', VK_DRIVER_FILES: '/none' } as const;

/** Where Debian's chromium keeps its Vulkan loader and its driver (SwiftShader). */
const chromium = '/usr/lib/chromium';
/** Where Vulkan's loader looks for drivers. */
const manifests = '/usr/share/vulkan/icd.d';

/**
 * The drivers that are installed here, the faster one first; none where another was chosen. Mesa's
 * takes a quarter of the time of Chromium's, and has what WebGPU needs since it knows Vulkan 1.4
 * (Mesa 25; 22.3 has not).
 */
export function softwareDrivers(environment: NodeJS.ProcessEnv): SoftwareDriver[] {
  if (environment.VK_ICD_FILENAMES) return [];
  const drivers: SoftwareDriver[] = [];
  const lavapipe = findLavapipe();
  if (lavapipe !== null) {
    drivers.push({ name: 'lavapipe', environment: { VK_ICD_FILENAMES: lavapipe } });
  }
  const swiftshader = path.join(chromium, 'vk_swiftshader_icd.json');
  if (existsSync(swiftshader)) {
    const libraries = [environment.LD_LIBRARY_PATH, chromium].filter(Boolean).join(':');
    drivers.push({
      name: 'swiftshader',
      environment: { VK_ICD_FILENAMES: swiftshader, LD_LIBRARY_PATH: libraries },
    });
  }
  return drivers;
}

function findLavapipe(): string | null {
  const names = existsSync(manifests) ? readdirSync(manifests) : [];
  const name = names.find((known) => /^lvp_icd.*\.json$/.test(known));
  if (name === undefined) return null;
  const file = path.join(manifests, name);
  const { ICD } = JSON.parse(readFileSync(file, 'utf8')) as { ICD: { api_version: string } };
  const [major = 0, minor = 0] = ICD.api_version.split('.').map(Number);
  return major > 1 || minor >= 4 ? file : null;
}
