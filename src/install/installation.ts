import { cp, lstat, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

import { AppError } from '../errors.ts';
import { packageFolder } from '../package-folder.ts';
import { isMissingFile, systemErrorCode } from '../system-error.ts';
import type { WebUi } from './web-ui.ts';

/** How the program got into a web UI. */
export type InstallationKind = 'link' | 'copy';

/** Makes a link to a folder. */
export type LinkFolder = (target: string, link: string) => Promise<void>;

const FOLDER_NAME = 'erase-concept';
/** Tells a copy that `install` made from a clone of the web UI's own extension manager. */
const COPY_MARKER = '.installed-as-copy';
/** Parts of a checkout that a copy does not need; the bridge gets the packages again. */
const notCopied = new Set(['.git', 'node_modules', 'test', 'demo-output', 'data']);

const pluginSchema = z.object({ name: z.literal(FOLDER_NAME) });

/** Where the program is, or goes, in a web UI. */
export function installationPath({ extensionsFolder }: WebUi): string {
  return path.join(extensionsFolder, FOLDER_NAME);
}

/**
 * Puts this checkout into a web UI: as a link, or where the file system refuses links as a copy.
 *
 * @throws AppError `install.exists`, `install.foreign`, `output.unwritable`
 */
export async function install(
  webUi: WebUi,
  linkFolder: LinkFolder = linkOrJunction,
): Promise<InstallationKind> {
  const place = installationPath(webUi);
  const found = await examine(place);
  if (found === 'foreign') throw foreign(place);
  if (found !== 'none') {
    throw new AppError(
      'install.exists',
      `it is installed in ${webUi.name} already: "${place}". To install it anew, take it out first.`,
    );
  }
  try {
    await linkFolder(packageFolder, place);
    return 'link';
  } catch (error) {
    // Of FAT and exFAT, network shares, Windows without the right to make links.
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EISDIR'].includes(systemErrorCode(error) ?? '')) {
      throw unwritable(place, error);
    }
  }
  await copyCheckout(place);
  return 'copy';
}

/**
 * Takes the program out of a web UI: what `install` put there, nothing else.
 *
 * @throws AppError `install.missing`, `install.foreign`, `output.unwritable`
 */
export async function uninstall(webUi: WebUi): Promise<void> {
  const place = installationPath(webUi);
  const found = await examine(place);
  if (found === 'none') {
    throw new AppError(
      'install.missing',
      `it is not installed in ${webUi.name}: there is no "${place}".`,
    );
  }
  if (found === 'clone') {
    throw new AppError(
      'install.foreign',
      `"${place}" is a clone that "erase-concept install" did not make. Remove it where it was installed: in the web UI's own extension manager, or by hand.`,
    );
  }
  if (found === 'foreign') throw foreign(place);
  await rm(place, { recursive: found === 'copy' }).catch((error: unknown) => {
    throw unwritable(place, error);
  });
}

type Found = InstallationKind | 'clone' | 'foreign' | 'none';

async function examine(place: string): Promise<Found> {
  const status = await lstat(place).catch((error: unknown) => {
    if (isMissingFile(error)) return null;
    throw unwritable(place, error);
  });
  if (!status) return 'none';
  const plugin = await readFile(path.join(place, 'plugin.yaml'), 'utf8').catch(() => null);
  if (status.isSymbolicLink()) {
    // One whose checkout was moved away leads nowhere and is nobody's loss.
    const leadsNowhere = (await stat(place).catch(() => null)) === null;
    return leadsNowhere || isOurs(plugin) ? 'link' : 'foreign';
  }
  if (!isOurs(plugin)) return 'foreign';
  const marker = await lstat(path.join(place, COPY_MARKER)).catch(() => null);
  return marker ? 'copy' : 'clone';
}

function isOurs(plugin: string | null): boolean {
  try {
    return plugin !== null && pluginSchema.safeParse(parse(plugin)).success;
  } catch {
    return false;
  }
}

/** A junction on Windows, which needs no rights of an administrator. */
async function linkOrJunction(target: string, link: string): Promise<void> {
  await symlink(target, link, 'junction');
}

async function copyCheckout(place: string): Promise<void> {
  try {
    await cp(packageFolder, place, {
      recursive: true,
      errorOnExist: true,
      force: false,
      filter: (source) => !notCopied.has(path.relative(packageFolder, source)),
    });
    await writeFile(path.join(place, COPY_MARKER), '');
  } catch (error) {
    await rm(place, { recursive: true, force: true });
    throw unwritable(place, error);
  }
}

function foreign(place: string): AppError {
  return new AppError(
    'install.foreign',
    `"${place}" is something else of the same name. It is left as it is; rename it to install Erase Concept.`,
  );
}

function unwritable(place: string, cause: unknown): AppError {
  return new AppError(
    'output.unwritable',
    `"${place}" cannot be written (${systemErrorCode(cause) ?? String(cause)}). Check who may write to that folder, and that the disk is not full.`,
    { cause },
  );
}
