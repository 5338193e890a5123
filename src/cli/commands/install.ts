import path from 'node:path';
import type { Command } from 'commander';

import type { CliContext } from '../context.ts';
import { printLine } from '../terminal.ts';

/** `erase-concept install` and `uninstall`: into a web UI, and out of it again. */
export function addInstallCommands(program: Command, { terminal }: CliContext): void {
  program
    .command('install')
    .description(
      'Put the tab into a web UI: ComfyUI, Forge Neo, Forge, reForge, SD.Next, AUTOMATIC1111.',
    )
    .argument('<host-folder>', 'folder of the web UI', toPath)
    .action(async (folder: string) => {
      const { install, installationPath, recognizeWebUi } = await load();
      const webUi = await recognizeWebUi(folder);
      const kind = await install(webUi);
      const how = kind === 'link' ? 'linked to' : 'copied to (links are refused there)';
      printLine(
        terminal.stdout,
        `${webUi.name}: ${how} ${installationPath(webUi)}. Restart it to see the tab.`,
      );
    });
  program
    .command('uninstall')
    .description('Take the tab out of a web UI; jobs and scrubbed models stay.')
    .argument('<host-folder>', 'folder of the web UI', toPath)
    .action(async (folder: string) => {
      const { installationPath, recognizeWebUi, uninstall } = await load();
      const webUi = await recognizeWebUi(folder);
      await uninstall(webUi);
      printLine(
        terminal.stdout,
        `${webUi.name}: removed ${installationPath(webUi)}. Restart it to be rid of the tab.`,
      );
    });
}

const toPath = (folder: string) => path.resolve(folder);

/** Loaded here, not at the start: other commands need not wait for it. */
async function load() {
  return {
    ...(await import('../../install/installation.ts')),
    ...(await import('../../install/web-ui.ts')),
  };
}
