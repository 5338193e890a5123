import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';

import { openFolder } from '../src/open-folder.ts';
import { makeTemporaryFolder } from './helpers/temporary-folder.ts';

// The opener of a Linux desktop is a program that is found by its name; macOS and Windows have others.
it.runIf(process.platform === 'linux')(
  'asks the desktop, and tells where there is none',
  async () => {
    onTestFinished(() => void vi.unstubAllEnvs());
    const folder = makeTemporaryFolder();
    vi.stubEnv('XDG_CURRENT_DESKTOP', 'GNOME');
    vi.stubEnv('DISPLAY', ':0');
    vi.stubEnv('PATH', `${folder}:/usr/bin:/bin`);
    const asked = path.join(folder, 'asked');
    const desktop = (script: string) => {
      for (const name of ['gio', 'gvfs-open', 'gnome-open']) {
        writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`);
        chmodSync(path.join(folder, name), 0o755);
      }
    };
    desktop(`echo "$@" >> ${asked}`);
    await openFolder(folder);
    expect(readFileSync(asked, 'utf8')).toContain(folder);
    desktop('exit 3');
    await expect(openFolder(folder)).rejects.toMatchObject({
      code: 'folder.not-shown',
      message: expect.stringContaining(folder) as string,
    });
  },
);
