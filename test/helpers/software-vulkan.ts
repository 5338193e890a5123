import { existsSync } from 'node:fs';

/** Where Debian's chromium keeps its Vulkan loader and its software driver (SwiftShader). */
const folder = '/usr/lib/chromium';
const driver = `${folder}/vk_swiftshader_icd.json`;

/**
 * Environment in which the WebGPU provider finds Debian chromium's software driver; empty where it
 * is not installed or another driver was chosen. It must stand before a process starts, since the
 * dynamic linker reads LD_LIBRARY_PATH once.
 */
export function softwareVulkan(environment: NodeJS.ProcessEnv): Record<string, string> {
  if (environment.VK_ICD_FILENAMES || !existsSync(driver)) return {};
  const libraries = [environment.LD_LIBRARY_PATH, folder].filter(Boolean).join(':');
  return { VK_ICD_FILENAMES: driver, LD_LIBRARY_PATH: libraries };
}
