import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

// What a system tells of its graphics cards, by the tools of their drivers where they are there.

/** Names of cards and drivers, a line each. */
export function cards(): string[] {
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
  const vulkan = linesOf('vulkaninfo', ['--summary']);
  return [
    ...linesOf('nvidia-smi', query),
    ...vulkan.filter((line) => /deviceName|driverInfo/.test(line)),
    ...kernelCards(),
  ];
}

/** Linux' numbers of vendor and device. */
function kernelCards(): string[] {
  return cardFolders().flatMap((folder) => {
    const ids = ['vendor', 'device'].map((name) => readNumber(path.join(folder, name)));
    return ids.includes(null) ? [] : [`PCI ${ids.map((id) => (id ?? 0).toString(16)).join(':')}`];
  });
}

/** Memory in use on all cards, by all programs, in bytes; null where nothing tells it. */
export function usedCardBytes(): number | null {
  const nvidia = linesOf('nvidia-smi', [
    '--query-gpu=memory.used',
    '--format=csv,noheader,nounits',
  ]).map((mebibytes) => Number(mebibytes) * 2 ** 20);
  const amd = cardFolders().map((folder) => readNumber(path.join(folder, 'mem_info_vram_used')));
  const used = [...nvidia, ...amd].filter((bytes) => bytes !== null && Number.isFinite(bytes));
  return used.length === 0 ? null : used.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
}

function cardFolders(): string[] {
  const drm = '/sys/class/drm';
  const names = existsSync(drm) ? readdirSync(drm) : [];
  return names
    .filter((name) => /^card\d+$/.test(name))
    .map((name) => path.join(drm, name, 'device'));
}

function readNumber(file: string): number | null {
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : null;
}

/** The lines that a program prints; none where it is not installed. */
function linesOf(program: string, args: readonly string[]): string[] {
  const { stdout } = spawnSync(program, args, { encoding: 'utf8' });
  // Null where there is no such program, whatever its type says.
  const text = (stdout as string | null) ?? '';
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
