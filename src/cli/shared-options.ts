import { type Command, InvalidArgumentError, Option } from 'commander';

import type { SharedConfig } from '../config.ts';

/** As commander gives them. */
export interface SharedOptions {
  readonly queue?: URL;
  readonly store?: string;
}

/** Adds the options by which machines share their jobs. */
export function addSharedOptions(command: Command, { queue, store }: SharedConfig): Command {
  return command
    .addOption(
      new Option(
        '--queue <url>',
        'Redis or Valkey with the jobs of many machines, redis://HOST:PORT or rediss:// with TLS; a password is better in ERASE_CONCEPT_QUEUE, which the machine’s other users do not see',
      )
        .argParser(queueAddress)
        .default(queue === null ? undefined : queueAddress(queue), queue === null ? '' : 'as set'),
    )
    .addOption(
      new Option(
        '--store <place>',
        'where these machines keep models, pictures and results for each other: a shared folder, or s3://BUCKET/PREFIX',
      ).default(store ?? undefined),
    );
}

/** What machines share; null where nothing is shared. */
export function readShared(
  { queue, store }: SharedOptions,
  command: Command,
): { readonly queue: URL; readonly store: string } | null {
  if (!queue) return null;
  if (store !== undefined) return { queue, store };
  return command.error(
    'error: --queue needs a --store that all its machines reach: a shared folder, or s3://BUCKET',
  );
}

function queueAddress(text: string): URL {
  if (/^rediss?:\/\/[^/]/.test(text) && URL.canParse(text)) return new URL(text);
  throw new InvalidArgumentError('It must be redis://HOST:PORT, or rediss://HOST:PORT with TLS.');
}
