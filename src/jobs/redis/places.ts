import path from 'node:path';

import { AppError } from '../../errors.ts';

/**
 * How paths of a job are kept: those of its own folder from there, all others as the server that made the job
 * has them. A worker has each at a place of its own, within the job's folder there.
 */
export interface Places {
  /** Of a path as it is kept. @throws AppError `job.damaged` */
  toLocal(kept: string): string;
  /** Of a path of this machine. */
  toKept(local: string): string;
}

/** What paths in a job's folder begin with. */
const OWN = 'job:';

/** Paths as a server has them. @param folder the job's */
export function serverPlaces(folder: string): Places {
  return {
    toLocal: (kept) => (kept.startsWith(OWN) ? withinFolder(folder, kept.slice(OWN.length)) : kept),
    toKept: (local) => {
      const name = nameWithin(folder, local);
      return name === null ? local : OWN + name;
    },
  };
}

/** A place of the server and what it is in the job's folder on a worker. */
export interface MovedPlace {
  readonly kept: string;
  /** With `/`. */
  readonly name: string;
}

/**
 * Paths as a worker has them: all in the job's folder, so that no job can name another file of the machine.
 *
 * @param moved what lies elsewhere at the server
 */
export function workerPlaces(folder: string, moved: readonly MovedPlace[]): Places {
  return {
    toLocal: (kept) => {
      if (kept.startsWith(OWN)) return withinFolder(folder, kept.slice(OWN.length));
      for (const place of moved) {
        const rest = restOf(kept, place.kept);
        if (rest !== null) return withinFolder(folder, place.name + rest);
      }
      throw new AppError(
        'job.damaged',
        `job ${path.basename(folder)} names "${kept}", which it has not brought along. Start the erasure again.`,
      );
    },
    toKept: (local) => {
      const name = nameWithin(folder, local);
      if (name === null) throw new Error(`"${local}" is outside of the job's folder "${folder}"`);
      for (const place of moved) {
        const rest = restOf(name, place.name);
        if (rest !== null) return place.kept + rest;
      }
      return OWN + name;
    },
  };
}

/** A file of the job's folder. @throws AppError `job.damaged` for a name that leads out of it */
export function withinFolder(folder: string, name: string): string {
  const file = path.resolve(folder, name);
  if (file.startsWith(`${path.resolve(folder)}${path.sep}`)) return file;
  throw new AppError(
    'job.damaged',
    `job ${path.basename(folder)} names "${name}", which leads out of its folder. Start the erasure again.`,
  );
}

/** The name of a file of a job's folder, with `/`; null for one that is not in it. */
export function nameWithin(folder: string, file: string): string | null {
  const name = path.relative(folder, file);
  if (name === '' || name.startsWith('..') || path.isAbsolute(name)) return null;
  return name.split(path.sep).join('/');
}

/** What follows on the path of a file or folder: a name in it, or `#NAME`; null for another path. */
function restOf(whole: string, place: string): string | null {
  if (!whole.startsWith(place)) return null;
  const rest = whole.slice(place.length);
  return rest === '' || /^[/\\#]/.test(rest) ? rest.replaceAll('\\', '/') : null;
}
