import path from 'node:path';

import type { CheckpointEntry, Options } from './api-schema.ts';

/** The title without the hash, which a host adds once it has loaded a file. */
export function nameOf({ title }: Pick<CheckpointEntry, 'title'>): string {
  return title.replace(/ \[[0-9a-f]+\]$/, '');
}

/** The entry that a host's option means: it may hold any of the names that the host accepts. */
export function chosenEntry(
  entries: readonly CheckpointEntry[],
  { sd_model_checkpoint: wanted, sd_checkpoint_hash: loaded }: Options,
): CheckpointEntry | undefined {
  // Before the first choice, what is loaded is what pictures are drawn with.
  if (!wanted) return loaded ? entries.find(({ sha256 }) => sha256 === loaded) : undefined;
  const name = nameOf({ title: wanted });
  return (
    entries.find((entry) => nameOf(entry) === name) ??
    entries.find(({ model_name, hash, sha256 }) => [model_name, hash, sha256].includes(wanted))
  );
}

/** What the host's options are set to so that it draws with an entry: as the list in its own page has it. */
export function choiceOf(
  entry: CheckpointEntry,
  options: Options,
): Readonly<Record<string, string>> {
  // The lists of Forge and Forge Neo have no hashes, and they show no model that is not in them.
  const name = options.forge_additional_modules === undefined ? entry.title : nameOf(entry);
  // Forge Neo shows the one of the family that it is set up for, which it sets for its own page alone.
  const shown = `forge_checkpoint_${options.forge_preset ?? ''}`;
  return { sd_model_checkpoint: name, ...(shown in options && { [shown]: name }) };
}

/** The entry of a file that a host says it has loaded; undefined if it cannot be told. */
export function loadedEntry(
  entries: readonly CheckpointEntry[],
  loaded: { readonly hash?: string | null; readonly stem?: string | null },
): CheckpointEntry | undefined {
  const { hash, stem } = loaded;
  const sameHash = hash ? entries.filter((entry) => entry.hash === hash) : [];
  const candidates = sameHash.length > 0 ? sameHash : entries;
  if (stem) return candidates.find(({ filename }) => path.parse(filename).name === stem);
  return sameHash.length === 1 ? sameHash[0] : undefined;
}
