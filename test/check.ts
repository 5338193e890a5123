import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { constants, setPriority } from 'node:os';

/** What `npm run check` asks beside the tests; none of it needs what another one does. */
const checks = ['format:check', 'lint', 'typecheck', 'knip'];

/** Starts a script of package.json. */
function start(script: string, stdio: StdioOptions): ChildProcess {
  // Through a shell: Windows has npm as a command file.
  return spawn(`npm run ${script}`, { shell: true, stdio });
}

const statusOf = (child: ChildProcess) =>
  new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });

/** Runs a check in the time that the tests leave. @returns what is to be said of it */
async function ask(check: string): Promise<{ isPassed: boolean; text: string }> {
  const child = start(check, ['ignore', 'pipe', 'pipe']);
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const isPassed = (await statusOf(child)) === 0;
  return { isPassed, text: isPassed ? `${check}: passed` : `${check}: failed\n${output}` };
}

const asked = Promise.all(checks.map(ask));
const tests = await statusOf(start('test', 'inherit'));
// Behind the tests, where nobody looks for them in vain.
const results = await asked;
for (const { text } of results) console.log(text);
if (tests !== 0 || results.some(({ isPassed }) => !isPassed)) process.exitCode = 1;
