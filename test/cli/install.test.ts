import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { install, type LinkFolder, uninstall } from '../../src/install/installation.ts';
import { recognizeWebUi } from '../../src/install/web-ui.ts';
import { callCli } from '../helpers/run-cli.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const checkout = path.resolve(import.meta.dirname, '../..');

/** The parts of each web UI's folder that tell it from others. */
const webUis = {
  AUTOMATIC1111: { files: ['webui.py', 'launch.py'], folders: ['modules', 'extensions'] },
  'Forge Neo': {
    files: ['webui.py', 'modules_forge/forge_version.py'],
    folders: ['modules', 'modules_forge', 'extensions'],
  },
  Forge: { files: ['webui.py'], folders: ['modules', 'modules_forge', 'extensions'] },
  reForge: {
    files: ['webui.py', 'requirements_versions_legacy.txt'],
    folders: ['modules', 'modules_forge', 'extensions'],
  },
  'SD.Next': { files: ['webui.py', 'installer.py'], folders: ['modules', 'extensions'] },
  ComfyUI: { files: ['main.py'], folders: ['comfy', 'custom_nodes'] },
} as const;

type WebUiName = keyof typeof webUis;

function makeWebUi(name: WebUiName): { folder: string; place: string } {
  const folder = makeTemporaryFolder();
  for (const inner of webUis[name].folders) mkdirSync(path.join(folder, inner));
  // Forge Neo says who it is; what others have there means nothing.
  for (const file of webUis[name].files) {
    writeFileSync(path.join(folder, file), 'version = "neo"\nrelease = "2.26"\n');
  }
  const extensions = name === 'ComfyUI' ? 'custom_nodes' : 'extensions';
  return { folder, place: path.join(folder, extensions, 'erase-concept') };
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

const refuseLinks: LinkFolder = () =>
  Promise.reject(Object.assign(new Error('not permitted'), { code: 'EPERM' }));

describe('erase-concept install and uninstall', () => {
  it.each(Object.keys(webUis) as WebUiName[])(
    'link this checkout into %s and take it out without a trace',
    async (name) => {
      const { folder, place } = makeWebUi(name);
      const before = listFiles(folder);

      const installed = await callCli(['install', folder], folder);
      expect([installed.status, installed.stderr]).toEqual([0, '']);
      expect(installed.stdout).toMatch(new RegExp(`^${name}: linked to .*Restart it`));
      expect(lstatSync(place).isSymbolicLink()).toBe(true);
      expect(realpathSync(place)).toBe(realpathSync(checkout));

      const removed = await callCli(['uninstall', folder], folder);
      expect([removed.status, removed.stderr]).toEqual([0, '']);
      expect(listFiles(folder)).toEqual(before);
      expect(existsSync(path.join(checkout, 'plugin.yaml'))).toBe(true);
    },
  );

  it('find the folder relative to where they are called', async () => {
    const { folder, place } = makeWebUi('ComfyUI');
    expect((await callCli(['install', '.'], folder)).status).toBe(0);
    expect(existsSync(place)).toBe(true);
  });

  it.each(['install', 'uninstall'])('%s refuses a folder that is no web UI', async (command) => {
    const folder = makeTemporaryFolder();
    for (const wrong of [folder, path.join(folder, 'nowhere')]) {
      const { status, stderr } = await callCli([command, wrong], folder);
      expect(status).toBe(3);
      expect(stderr).toMatch(/is no folder of a web UI.*Give the folder/);
    }
    expect(listFiles(folder)).toEqual([]);
  });

  it('install refuses where it is installed, uninstall where it is not', async () => {
    const { folder } = makeWebUi('AUTOMATIC1111');
    const missing = await callCli(['uninstall', folder], folder);
    expect([missing.status, missing.stderr]).toEqual([3, expect.stringMatching(/not installed/)]);
    await callCli(['install', folder], folder);
    const before = listFiles(folder);
    const again = await callCli(['install', folder], folder);
    expect([again.status, again.stderr]).toEqual([
      3,
      expect.stringMatching(/installed .* already/),
    ]);
    expect(listFiles(folder)).toEqual(before);
  });

  it('leave alone what is not theirs: a folder, a file, a link of the same name', async () => {
    const other = makeTemporaryFolder();
    const occupy: Record<string, (place: string) => void> = {
      folder: (place) => {
        mkdirSync(place);
        writeFileSync(path.join(place, 'plugin.yaml'), 'name: another');
      },
      file: (place) => {
        writeFileSync(place, 'mine');
      },
      link: (place) => {
        symlinkSync(other, place);
      },
    };
    for (const make of Object.values(occupy)) {
      const { folder, place } = makeWebUi('ComfyUI');
      make(place);
      const before = listFiles(folder);
      for (const command of ['install', 'uninstall']) {
        const { status, stderr } = await callCli([command, folder], folder);
        expect([status, stderr]).toEqual([3, expect.stringMatching(/something else/)]);
      }
      expect(listFiles(folder)).toEqual(before);
    }
    expect(existsSync(other)).toBe(true);
  });

  it("uninstall leaves a clone to the web UI's own extension manager", async () => {
    const { folder, place } = makeWebUi('AUTOMATIC1111');
    mkdirSync(path.join(place, '.git'), { recursive: true });
    writeFileSync(path.join(place, 'plugin.yaml'), 'name: erase-concept');
    const { status, stderr } = await callCli(['uninstall', folder], folder);
    expect([status, stderr]).toEqual([3, expect.stringMatching(/own extension manager/)]);
    expect(existsSync(path.join(place, 'plugin.yaml'))).toBe(true);
  });

  it('uninstall removes a link whose checkout is gone', async () => {
    const { folder, place } = makeWebUi('ComfyUI');
    symlinkSync(path.join(folder, 'gone'), place);
    expect((await callCli(['uninstall', folder], folder)).status).toBe(0);
    expect(readdirSync(path.dirname(place))).toEqual([]);
  });

  it('copy where links are refused, without what a host does not need', async () => {
    const { folder, place } = makeWebUi('AUTOMATIC1111');
    const before = listFiles(folder);
    const webUi = await recognizeWebUi(folder);
    expect(await install(webUi, refuseLinks)).toBe('copy');
    expect(readFileSync(path.join(place, 'plugin.yaml'), 'utf8')).toContain('erase-concept');
    expect(existsSync(path.join(place, 'src', 'bin.mjs'))).toBe(true);
    for (const left of ['.git', 'node_modules', 'test']) {
      expect(existsSync(path.join(place, left))).toBe(false);
    }
    await uninstall(webUi);
    expect(listFiles(folder)).toEqual(before);
  });

  it('say who may not write', async () => {
    const { folder } = makeWebUi('AUTOMATIC1111');
    const webUi = await recognizeWebUi(folder);
    const denied: LinkFolder = () =>
      Promise.reject(Object.assign(new Error('denied'), { code: 'EACCES' }));
    await expect(install(webUi, denied)).rejects.toThrow(/cannot be written \(EACCES\)/);
  });
});
