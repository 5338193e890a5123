import { spawn } from 'node:child_process';
import { existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const bin = path.resolve('src/bin.mjs');
const model = path.resolve('presets/tiny-sd/tiny-sd.safetensors');

interface Outputs {
  readonly stdout?: number;
  readonly stderr?: number;
  /** The reader of standard output ends after the first of it. */
  readonly head?: true;
}

/** Runs the program with outputs that fail. */
async function run(
  folder: string,
  args: readonly string[],
  { stdout, stderr, head }: Outputs,
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: folder,
    env: { ...process.env, ERASE_CONCEPT_DATA: path.join(folder, 'data') },
    stdio: ['ignore', stdout ?? 'pipe', stderr ?? 'pipe'],
    timeout: 120_000,
  });
  let [out, err] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    if (head) child.stdout?.destroy();
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
  const status = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { status, stdout: out, stderr: err };
}

const erase = [
  ...['erase', '--model', model, '--device', 'cpu', '--threads', '1', '--steps', '2'],
  ...['--forget', 'a heart', '--retain', 'a star', '--batch', '1', '--out', 'result.safetensors'],
  ...['--generated-forget', '1', '--generated-retain', '1', '--generation-steps', '1'],
  ...['--evaluate', '0'],
];
const full = existsSync('/dev/full') ? '/dev/full' : null;
if (!full) {
  console.warn('SKIPPED: full disks: there is no /dev/full, which is one. Run the tests on Linux.');
}

/** The events of the only job, of which nothing may be missing. */
function eventsOf(folder: string): string[] {
  const [job = ''] = readdirSync(path.join(folder, 'data/jobs'));
  return readFileSync(path.join(folder, 'data/jobs', job, 'events.ndjson'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { event: string }).event);
}

describe('a reader that ends', () => {
  it('of an erasure: it goes on to its end', async () => {
    const folder = makeTemporaryFolder();
    const { status, stdout, stderr } = await run(folder, erase, { head: true });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Job /);
    expect(stderr).toMatch(
      /^erase-concept: nobody reads standard output any more\. The job goes on; what it tells stands in \S+events\.ndjson\.\n$/,
    );
    expect(existsSync(path.join(folder, 'result.safetensors'))).toBe(true);
    expect(eventsOf(folder).at(-1)).toBe('done');
  });

  it('of sample: every picture is drawn', async () => {
    const folder = makeTemporaryFolder();
    const args = [
      'sample',
      '--model',
      model,
      '--prompt',
      'a heart',
      '--count',
      '3',
      '--steps',
      '1',
    ];
    const { status, stderr } = await run(folder, [...args, '--out', 'o', '--device', 'cpu'], {
      head: true,
    });
    expect(status, stderr).toBe(0);
    // What the model is taken to predict, and no more.
    expect(stderr).toMatch(/^Note: [^\n]*\n$/);
    expect(readdirSync(path.join(folder, 'o'))).toHaveLength(3);
  });

  it('of a short command: no error, however much is left to print', async () => {
    const { status, stderr } = await run(makeTemporaryFolder(), ['presets', '--json'], {
      head: true,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

describe.skipIf(!full)('a full disk', () => {
  it.each([[['inspect', model]], [['inspect', model, '--json']], [['--help']]])(
    'for what %j prints is an error with a sentence',
    async (args) => {
      const stdout = openSync(full!, 'w');
      const { status, stderr } = await run(makeTemporaryFolder(), args, { stdout });
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr:
          'erase-concept: standard output could not be written to (ENOSPC): what this command told is missing or cut off there.\n',
      });
    },
  );

  it('tells an error of --json on standard error', async () => {
    const stdout = openSync(full!, 'w');
    const { status, stderr } = await run(makeTemporaryFolder(), ['inspect', 'none', '--json'], {
      stdout,
    });
    expect(status).toBe(3);
    expect(stderr).toMatch(/^erase-concept: checkpoint "none" does not exist/);
  });

  it('for what goes to standard error changes nothing', async () => {
    const stderr = openSync(full!, 'w');
    const { status } = await run(makeTemporaryFolder(), ['inspect', 'none'], { stderr });
    expect(status).toBe(3);
  });

  it('for what an erasure prints: it is carried out, and the status says what is missing', async () => {
    const folder = makeTemporaryFolder();
    const stdout = openSync(full!, 'w');
    const { status, stderr } = await run(folder, [...erase, '--json'], { stdout });
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^erase-concept: standard output cannot be written to \(ENOSPC\)\. The job goes on;/,
    );
    expect(existsSync(path.join(folder, 'result.safetensors'))).toBe(true);
    expect(eventsOf(folder).at(-1)).toBe('done');
  });
});
