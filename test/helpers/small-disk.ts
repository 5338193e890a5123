import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';

/** Runs what follows with a disk of 16 MB in a folder, which others do not see. */
const onSmallDisk = (unshare: readonly string[]) => [
  'unshare',
  ...unshare,
  'sh',
  '-c',
  'mount -t tmpfs -o size=16m none "$0" && exec "$@"',
];

/** How such a disk can be made here: by root, or where users may make namespaces. */
const unshareOptions = [['--mount'], ['--map-root-user', '--mount']].find((options) => {
  const [program = '', ...args] = onSmallDisk(options);
  return spawnSync(program, [...args, tmpdir(), 'true']).status === 0;
});
if (!unshareOptions) {
  console.warn(
    'SKIPPED: no disk space: a small disk to test with cannot be mounted here. Run the tests as root, or where users may make namespaces (sysctl kernel.unprivileged_userns_clone=1).',
  );
}

/**
 * What stands before a command that shall have a disk of 16 MB in a folder, which comes after it; null where none
 * can be mounted.
 */
export const smallDisk: readonly string[] | null = unshareOptions
  ? onSmallDisk(unshareOptions)
  : null;
