import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import sharp from 'sharp';

import type { JobView } from '../../src/contract/job-views.ts';
import type { Host, PictureRequest } from '../../src/hosts/host.ts';
import { openHost } from '../../src/hosts/open-host.ts';
import { trialPicture } from '../../src/hosts/trial-picture.ts';
import { recognizeWebUi } from '../../src/install/web-ui.ts';
import { type WebUiProcess, whenEnded } from '../helpers/web-ui-process.ts';
import { webUiKinds } from './a1111-kinds.ts';
import { A1111Server } from './a1111-server.ts';
import { ComfyUiServer } from './comfyui-server.ts';
import { askJobs, finishJob, note, run } from './drive.ts';
import { addModelFile, removeFiles } from './drive-model.ts';

// A LoRA file in a real ComfyUI, Forge Neo, Forge or reForge: trained there, put into its folder by
// "Use as LoRA", drawn with, taken out again. What the web UI draws with the LoRA on top of the original is
// held to what it draws with the merged checkpoint, which our program wrote, and with the original.
//
//   tsx test/real-hosts/lora.ts --host FOLDER --model FILE [--python python3] [--port 7871] [--flag=… …]
//
// FILE is a checkpoint that the web UI takes, such as `tsx test/bench/make-full-size.ts FILE --reduced`
// writes. The folder of the web UI is left as it was found, but for its own settings.

const { values } = parseArgs({
  options: {
    host: { type: 'string' },
    model: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    port: { type: 'string', default: '7871' },
    flag: { type: 'string', multiple: true, default: [] },
  },
});
if (values.host === undefined || values.model === undefined) {
  throw new Error('usage: lora.ts --host FOLDER --model FILE');
}
const folder = path.resolve(values.host);
const { name } = await recognizeWebUi(folder);
const isComfyUi = name === 'ComfyUI';
const models = path.join(folder, 'models', isComfyUi ? 'checkpoints' : 'Stable-diffusion');
const loras = path.join(folder, 'models', isComfyUi ? 'loras' : 'Lora');

/** What web UIs print of keys of a LoRA that they find no place for; they may break lines at any space. */
const UNMATCHED = /lora key not loaded.{0,80}|.{0,80} unmatched|LoRA mismatch|\[LORA\] Mismatch/g;

/** Grey levels by which two ways to the same model may differ in the mean. */
const MAX_DIFFERENCE = 2;
const SEEDS = [1, 2, 3, 4];

const dataFolder = mkdtempSync(path.join(tmpdir(), 'erase-concept-lora-'));
const model = addModelFile(path.resolve(values.model), models);
run('install', folder);
const server = startServer();
try {
  note(`the sidecar of ${name} runs`, await server.waitFor(() => server.hasSidecar()));
  const host = await openHost({
    ...{ kind: isComfyUi ? 'comfyui' : 'a1111', url: server.url, credentials: null },
    ...{ folder, dataFolder, modelFolders: [] },
  });
  await host.activate(model.original);
  await host.draw(pictureOf(SEEDS[0]!));
  const { id } = await train();
  const used = await askJobs<JobView>(server, `/${id}/apply-lora`, { method: 'POST' });
  const { usedAt } = used.lora!;
  console.log(`  the LoRA lies at ${path.relative(folder, usedAt!)}; ${used.lora!.tag}`);
  const lora = { name: await listedName(host, usedAt!), strength: 1 };
  await host.refresh();
  const original = await draw(host, { model: model.original });
  const onTop = await draw(host, { model: model.original, lora });
  const merged = await draw(host, { model: model.scrubbed });
  report(difference(onTop, merged), difference(onTop, original));
  await askJobs(server, `/${id}/rollback-lora`, { method: 'POST' });
  const left = (await host.listLoras()).map(({ path: file }) => path.basename(file));
  if (left.includes(path.basename(usedAt!))) throw new Error(`still listed: ${left.join(', ')}`);
  console.log('  rolled back: the web UI lists it no more');
  await askJobs(server, `/${id}`, { method: 'DELETE' });
  const unmatched = server.output.replaceAll(/\s+/g, ' ').match(UNMATCHED) ?? [];
  if (unmatched.length > 0) throw new Error(`keys without a place: ${unmatched.join('; ')}`);
  console.log('  its log names no key without a place');
} catch (error) {
  console.error(server.output.slice(-4000));
  throw error;
} finally {
  const sidecar = server.sidecarIdOrNull();
  await server.kill();
  await whenEnded(sidecar);
  run('uninstall', folder);
  model.remove();
  removeFiles(loras, 'erase-concept-drive');
  rmSync(dataFolder, { recursive: true, force: true, maxRetries: 5 });
}
for (const place of [models, loras]) {
  const left = readdirSync(place).filter((file) => file.includes('erase-concept'));
  if (left.length > 0) throw new Error(`left in ${place}: ${left.join(', ')}`);
}

function startServer(): WebUiProcess {
  const shared = { folder, dataFolder, python: values.python, port: Number(values.port) };
  if (isComfyUi) return new ComfyUiServer({ ...shared, flags: values.flag });
  const kind = webUiKinds[name];
  if (!kind) throw new Error(`this does not drive ${name}`);
  return new A1111Server({ ...shared, kind, flags: ['--api', ...values.flag] });
}

/** A change so strong that every picture shows it: what it learns does not matter. */
async function train(): Promise<JobView> {
  const settings = {
    ...model.settings,
    ...{ adapter: { kind: 'lora', rank: 4, convRank: 4, alpha: null }, output: 'both' },
    ...{ train: 'full', steps: 3, learningRate: 0.06, generatedForget: 2, generatedRetain: 2 },
    ...{ sampleEvery: 0, evaluationPictures: 0 },
  };
  const prompts = { forget: ['a red heart'], retain: ['a star'] };
  const job = { model: model.original, ...prompts, settings, pictures: 'sidecar', device: 'cpu' };
  const { view, ms } = await finishJob(server, job);
  note('a low-rank change is trained and merged', ms);
  return view;
}

async function listedName(host: Host, file: string): Promise<string> {
  const listed = (await host.listLoras()).find((known) => known.path === file);
  if (!listed) throw new Error(`${name} does not list ${file}`);
  return listed.name;
}

function pictureOf(seed: number): PictureRequest {
  return { ...trialPicture(), prompt: 'a red heart', seed, steps: 6 };
}

/** Pixels of a picture for each seed, in grey levels of the three colours. */
async function draw(host: Host, how: Pick<PictureRequest, 'model' | 'lora'>): Promise<Buffer[]> {
  const pictures: Buffer[] = [];
  for (const seed of SEEDS) {
    const picture = await host.draw({ ...pictureOf(seed), ...how });
    pictures.push(await sharp(picture!.bytes).removeAlpha().raw().toBuffer());
  }
  return pictures;
}

/** Mean absolute difference of pictures, in grey levels. */
function difference(these: readonly Buffer[], those: readonly Buffer[]): number {
  const [a, b] = [Buffer.concat(these), Buffer.concat(those)];
  return a.reduce((sum, level, i) => sum + Math.abs(level - b[i]!), 0) / a.length;
}

function report(fromMerged: number, fromOriginal: number): void {
  console.log(`  with the LoRA and merged differ by ${fromMerged.toFixed(3)} of 255 in the mean`);
  console.log(`  with the LoRA and the original differ by ${fromOriginal.toFixed(3)} of 255`);
  if (fromMerged > MAX_DIFFERENCE) throw new Error('the LoRA is not what was merged');
  if (fromOriginal < 10 * MAX_DIFFERENCE) throw new Error('the LoRA changes too little');
}
