import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import type { Frame, Page } from 'playwright-core';
import sharp from 'sharp';

import type { JobView } from '../../src/contract/job-views.ts';
import { recognizeWebUi } from '../../src/install/web-ui.ts';
import { systemErrorCode } from '../../src/system-error.ts';
import { launchBrowser } from '../browser/launch-browser.ts';
import { erase, jobLimitMs, waitForResult, waitForStep } from '../browser/steps.ts';
import { whenEnded } from '../helpers/web-ui-process.ts';
import { webUiKinds } from './a1111-kinds.ts';
import { A1111Page } from './a1111-page.ts';
import { A1111Server } from './a1111-server.ts';
import {
  checkout,
  eraseWithItsPictures,
  note,
  run,
  startOnGraphicsCard,
  surviveDeaths,
} from './drive.ts';
import { addModelFile, addTinyModel } from './drive-model.ts';

// A real AUTOMATIC1111, Forge, Forge Neo or reForge with its own page, from the installation of the tab
// to its removal. Prints how long what took; the first thing that does not work ends it.
//
//   tsx test/real-hosts/a1111.ts --webui FOLDER --python FILE [--model FILE] [--port 7860]
//     [--flag=--api …] [--from-url] [--screenshot FILE]
//
// The first FILE is the Python of its virtual environment; everything that its launcher looks for
// must be there. AUTOMATIC1111 draws with the tiny model; the others take none of its size, but one
// that `tsx test/bench/make-full-size.ts FILE --reduced` writes. --from-url has the web UI clone the
// last commit of this checkout, as people install extensions. Its folder is left as it was found,
// but for its own settings.

const { values } = parseArgs({
  options: {
    webui: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    model: { type: 'string' },
    port: { type: 'string', default: '7860' },
    flag: { type: 'string', multiple: true, default: [] },
    'from-url': { type: 'boolean', default: false },
    screenshot: { type: 'string' },
  },
});
if (values.webui === undefined) throw new Error('usage: a1111.ts --webui FOLDER --python FILE');
const webui = path.resolve(values.webui);
const { name: webUiName } = await recognizeWebUi(webui);
const kind = webUiKinds[webUiName];
if (!kind) throw new Error(`this does not drive ${webUiName}`);
const models = path.join(webui, 'models', 'Stable-diffusion');
const extensions = path.join(webui, 'extensions');

const before = [models, extensions, webui].map((folder) => [folder, readdirSync(folder)] as const);
const dataFolder = mkdtempSync(path.join(tmpdir(), 'erase-concept-a1111-'));

const model = addModel();
if (!values['from-url']) run('install', webui);
const server = new A1111Server({
  kind,
  folder: webui,
  dataFolder,
  python: path.resolve(values.python),
  port: Number(values.port),
  flags: values.flag,
});
const browser = await launchBrowser();
try {
  note(`${webUiName} is up`, await server.waitFor(() => server.count(/^Startup time/gm) > 0));
  const size = { width: 1280, height: 900 };
  const own = new A1111Page(await browser.newPage({ viewport: size }), server.url, kind);
  if (values['from-url']) await installFromUrl(own);
  note('then the sidecar runs', await server.waitFor(() => server.hasSidecar()));
  const view = await openTab(own);
  await eraseInTab(own.page, view);
  // Its first picture takes a web UI longer than those that follow.
  await own.drawnWith();
  await useAndRollBack(own, view);
  const few = { steps: 4, generatedForget: 2, generatedRetain: 2, evaluationPictures: 1 };
  const settings = { ...model.settings, ...few };
  await eraseWithItsPictures(server, { model: model.original, settings });
  console.log(`  then it draws with ${await own.drawnWith()}`);
  await lendMemory(own);
  await keepSidecar(own);
  await surviveDeaths(server);
} finally {
  await browser.close();
  const sidecar = server.sidecarIdOrNull();
  await server.kill();
  await whenEnded(sidecar);
  if (values['from-url']) {
    rmSync(path.join(extensions, 'erase-concept'), { recursive: true, force: true });
  } else run('uninstall', webui);
  model.remove();
  rmSync(dataFolder, { recursive: true, force: true, maxRetries: 5 });
}
for (const [folder, names] of before) {
  const left = readdirSync(folder).filter((name) => !names.includes(name));
  console.log(`left in ${folder}: ${left.join(', ') || 'nothing'}`);
}

function addModel() {
  if (values.model !== undefined) return addModelFile(path.resolve(values.model), models);
  if (!kind?.takesTinyModel) throw new Error(`${webUiName} takes no tiny model: give --model FILE`);
  return addTinyModel(webui, models);
}

/** In the page of the web UI, and has it load what is new. */
async function installFromUrl(own: A1111Page): Promise<void> {
  const start = performance.now();
  await own.installFromUrl(`file://${checkout}`, 'erase-concept');
  note('installed from its address', performance.now() - start);
  await reloadInterface(own);
}

async function openTab(own: A1111Page): Promise<Frame> {
  const start = performance.now();
  const view = await own.openOurs();
  await view.getByText(model.isShownBy).waitFor();
  note('the tab shows its page', performance.now() - start);
  return view;
}

async function eraseInTab(page: Page, view: Frame): Promise<void> {
  await model.choose(view, values.screenshot !== undefined);
  const start = performance.now();
  await erase(view);
  if (values.screenshot !== undefined) {
    await waitForStep(view, model.previewStep);
    await save(page, values.screenshot);
  }
  await waitForResult(view);
  note('erased in the tab', performance.now() - start);
}

/** A job for the graphics card, be it a software driver's: the host makes room, and is given it back. */
async function lendMemory(own: A1111Page): Promise<void> {
  const settings = { ...model.settings, steps: 100, generatedForget: 1, generatedRetain: 1 };
  const job = { model: model.original, forget: ['a red heart'], retain: ['a star'], settings };
  const known = timesFreed();
  const id = await startOnGraphicsCard(server, job);
  if (id === null) return;
  await server.waitFor(() => timesFreed() > known);
  await server.fetch(`api/jobs/${id}/cancel`, { method: 'POST' });
  // A software driver is in the midst of a step for minutes.
  killTraining(id);
  await server.waitFor(async () => {
    const { state } = (await (await server.fetch(`api/jobs/${id}`)).json()) as JobView;
    return ['cancelled', 'failed'].includes(state);
  });
  if (kind!.freesMemory === null) await server.waitFor(() => timesFreed() === 0);
  // Forge notes no calls.
  if (server.calls.length > 0) {
    await server.waitFor(() => lastCall('reload-checkpoint') !== null);
    note('the host frees its graphics memory', lastCall('unload-checkpoint') ?? NaN);
    note('the host takes it back', lastCall('reload-checkpoint') ?? NaN);
  }
  console.log(`  then it draws with ${await own.drawnWith()}`);
}

/** How often the web UI has freed its memory: for one that says nothing, whether the sidecar knows of it. */
function timesFreed(): number {
  if (kind!.freesMemory) return server.count(kind!.freesMemory);
  const journal = readFileSync(path.join(dataFolder, 'host.json'), 'utf8');
  return Number((JSON.parse(journal) as { memoryIsLent: boolean }).memoryIsLent);
}

/** Ends the process that trains, which the lock of its job names; it may have ended by itself. */
function killTraining(id: string): void {
  try {
    const lock = readFileSync(path.join(dataFolder, 'jobs', id, 'lock'), 'utf8');
    process.kill((JSON.parse(lock) as { processId: number }).processId, 'SIGKILL');
  } catch (error) {
    if (!['ENOENT', 'ESRCH'].includes(String(systemErrorCode(error)))) throw error;
  }
}

/** "Use this model" and "Roll back", in the page; what pictures are drawn with is looked at. */
async function useAndRollBack(own: A1111Page, view: Frame): Promise<void> {
  for (const [button, name, file] of [
    ['use', 'Use this model', model.scrubbed],
    ['roll back', `Roll back to ${model.original}`, model.original],
  ] as const) {
    const known = server.calls.length;
    const answered = view.page().waitForResponse(/\/(apply|rollback)$/, { timeout: jobLimitMs });
    const start = performance.now();
    await view.getByRole('button', { name }).click();
    await answered;
    const ms = performance.now() - start;
    await view.getByRole('button', { name }).waitFor({ state: 'hidden' });
    const shownMs = performance.now() - start;
    note(`${button}: from the click to a picture with it`, ms);
    noteCalls(known, ms);
    note('  then the tab shows it', shownMs - ms);
    await own.showsAsModel(file);
    const drawn = await own.drawnWith();
    console.log(`  draws with ${drawn}`);
    if (drawn !== path.parse(file).name) throw new Error(`expected ${file}`);
  }
}

/** What of a change of the model is the host's own work, where it notes its calls. */
function noteCalls(known: number, ms: number): void {
  const calls = server.calls.slice(known);
  if (calls.length === 0) return;
  const took = (route: string) =>
    calls.filter((call) => call.route === route).reduce((sum, call) => sum + call.ms, 0);
  note('  the host looks for files', took('refresh-checkpoints'));
  note('  the host loads it', took('options'));
  note('  the host draws a picture with it', took('txt2img'));
  note('  all but loading', ms - took('options'));
}

/** Which also loads what was installed since. */
async function reloadInterface(own: A1111Page): Promise<void> {
  const known = server.count(/^Startup time/gm);
  const start = performance.now();
  await own.reload();
  await server.waitFor(() => server.count(/^Startup time/gm) > known);
  note('the interface is reloaded', performance.now() - start);
}

/** A new page, the same sidecar. */
async function keepSidecar(own: A1111Page): Promise<void> {
  const sidecar = server.sidecarId();
  await reloadInterface(own);
  await openTab(own);
  await own.showsAsModel(model.original);
  if (server.sidecarId() !== sidecar) throw new Error('it started a second sidecar');
}

/** How long the last one took, in ms. */
function lastCall(route: string): number | null {
  return server.calls.findLast((call) => call.route === route)?.ms ?? null;
}

/** Writes what the window shows, in few colours: interfaces have few. */
async function save(page: Page, file: string): Promise<void> {
  await page.waitForTimeout(600);
  const png = await page.screenshot();
  await sharp(png).png({ palette: true, compressionLevel: 9 }).toFile(file);
}
