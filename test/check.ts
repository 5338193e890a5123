import { spawn } from 'node:child_process';

/** What `npm run check` asks before the tests; none of it needs what another one does. */
const checks = ['format:check', 'lint', 'typecheck', 'knip'];

/** Runs a script of package.json. @returns whether it found nothing wrong; if not, what it printed is shown */
async function passes(check: string): Promise<boolean> {
  // Through a shell: Windows has npm as a command file.
  const child = spawn(`npm run ${check}`, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  console.log(status === 0 ? `${check}: passed` : `${check}: failed\n${output}`);
  return status === 0;
}

const results = await Promise.all(checks.map(passes));
if (results.includes(false)) process.exitCode = 1;
