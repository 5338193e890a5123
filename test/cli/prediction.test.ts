import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { callCli, parseEvents } from '../helpers/run-cli.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeMarkedTinySd } from '../helpers/tiny-sd-marked.ts';

const model = 'tiny-sd.safetensors';
const quick = [
  ...['--forget', 'a heart', '--retain', 'a star', '--train', 'xattn', '--steps', '1'],
  ...['--generated-forget', '2', '--generated-retain', '2', '--generation-steps', '2'],
  ...['--device', 'cpu', '--threads', '1', '--evaluate', '0', '--json'],
];

async function inspect(folder: string, ...args: string[]) {
  const { status, stdout } = await callCli(['inspect', ...args, '--json'], folder);
  return { status, ...(parseEvents(stdout).at(-1) as { architecture?: object; code?: string }) };
}

it('inspect refuses a model that predicts what is not trained, unless the person knows better', async () => {
  const folder = makeTemporaryFolder();
  writeMarkedTinySd(folder, { markers: ['edm_vpred.sigma_max', 'edm_vpred.sigma_min'] });
  expect(await inspect(folder, model)).toMatchObject({
    status: 3,
    code: 'model.unsupported',
    message: expect.stringMatching(/EDM.*"edm_vpred\.sigma_max"/) as string,
  });
  expect(await inspect(folder, model, '--prediction', 'v')).toMatchObject({
    status: 0,
    architecture: {
      diffusion: { predictionType: 'v_prediction' },
      prediction: { basis: 'chosen', remarks: [expect.stringMatching(/as you chose/) as string] },
    },
  });
});

it('sample says what it takes the model to predict where nothing states it', async () => {
  const folder = makeTemporaryFolder();
  writeMarkedTinySd(folder, {});
  const args = ['sample', '--model', model, '--prompt', 'a star', '--steps', '1', '--out', 'out'];
  const { status, stdout } = await callCli([...args, '--device', 'cpu', '--json'], folder);
  expect(status).toBe(0);
  expect(parseEvents(stdout)[0]).toMatchObject({
    event: 'notice',
    message: expect.stringMatching(/taken to predict noise \(epsilon\)/) as string,
  });
});

it('erase trains as the markers say, keeps them, and the job, the result and the report tell it', async () => {
  const folder = makeTemporaryFolder();
  writeMarkedTinySd(folder, { markers: ['v_pred', 'ztsnr'] });
  const { status, stdout } = await callCli(['erase', '--model', model, ...quick], folder);
  expect(status, stdout).toBe(0);
  const events = parseEvents(stdout);
  expect(events.some(({ event }) => event === 'notice')).toBe(false);
  const { output } = events.at(-1) as { output: string };
  const trained = { predictionType: 'v_prediction', zeroTerminalSnr: true };
  expect(await inspect(folder, output)).toMatchObject({
    architecture: { diffusion: trained, prediction: { basis: 'stated' } },
    eraseConcept: { prediction: { ...trained, basis: 'stated' } },
  });
  const file = await openSafetensors(output);
  await file.close();
  expect([file.tensors.has('v_pred'), file.tensors.has('ztsnr')]).toEqual([true, true]);
  const jobs = path.join(folder, 'data/jobs');
  const job = path.join(jobs, readdirSync(jobs)[0]!);
  expect(readFileSync(path.join(job, 'job.yaml'), 'utf8')).toMatch(
    /prediction:\n +predictionType: v_prediction\n +zeroTerminalSnr: true\n +basis: stated/,
  );
  expect(readFileSync(path.join(job, 'report.html'), 'utf8')).toMatch(
    /The model predicts<\/dt>\s*<dd>v_prediction, zero terminal SNR/,
  );
}, 120_000);

it('erase says before all else what speaks against a choice, and the report says it too', async () => {
  const folder = makeTemporaryFolder();
  writeMarkedTinySd(folder, { metadata: { 'modelspec.prediction_type': 'epsilon' } });
  const args = ['erase', '--model', model, '--prediction', 'v', ...quick];
  const { status, stdout } = await callCli(args, folder);
  expect(status, stdout).toBe(0);
  const told = parseEvents(stdout).filter(({ event }) => event !== 'job');
  const remark = expect.stringMatching(/predicts v, as you chose, although modelspec/) as string;
  expect(told[0]).toMatchObject({ event: 'notice', message: remark });
  const jobs = path.join(folder, 'data/jobs');
  const report = path.join(jobs, readdirSync(jobs)[0]!, 'report.html');
  expect(readFileSync(report, 'utf8')).toMatch(/class="callout">.*as you chose, although/);
}, 120_000);
