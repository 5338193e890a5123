import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import type { Frame, Page } from 'playwright-core';
import sharp from 'sharp';

import type { JobView } from '../../routes/contract.ts';
import { loadClipVocabulary } from '../../src/tokenizer/clip-vocabulary.ts';
import { launchBrowser } from '../browser/launch-browser.ts';
import {
  type Changes,
  choosePontilla,
  erase,
  fewSteps,
  jobLimitMs,
  waitForResult,
  waitForStep,
} from '../browser/steps.ts';
import { whenEnded } from '../helpers/web-ui-process.ts';
import { A1111Server } from './a1111-server.ts';
import { checkout, eraseWithItsPictures, note, run, surviveDeaths } from './drive.ts';

// A real AUTOMATIC1111 with its own page, from the installation of the tab to its removal, with the
// tiny model. Prints how long what took; the first thing that does not work ends it.
//
//   tsx test/real-hosts/a1111.ts --webui FOLDER --python FILE [--port 7860] [--flag=--api …]
//     [--from-url] [--screenshot FILE]
//
// FILE is the Python of its virtual environment; everything that its launcher looks for must be
// there. --from-url has it clone the last commit of this checkout, as people install extensions. The
// folder of the web UI is left as it was found, but for its own settings.

const { values } = parseArgs({
  options: {
    webui: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    port: { type: 'string', default: '7860' },
    flag: { type: 'string', multiple: true, default: [] },
    'from-url': { type: 'boolean', default: false },
    screenshot: { type: 'string' },
  },
});
if (values.webui === undefined) throw new Error('usage: a1111.ts --webui FOLDER --python FILE');
const webui = path.resolve(values.webui);
const models = path.join(webui, 'models', 'Stable-diffusion');
const extensions = path.join(webui, 'extensions');
const original = 'tiny-sd.safetensors';
const scrubbed = 'tiny-sd-without-pontilla.safetensors';
const textEncoder = path.join(webui, 'tiny-clip');

const before = [models, extensions, webui].map((folder) => [folder, readdirSync(folder)] as const);
const dataFolder = mkdtempSync(path.join(tmpdir(), 'erase-concept-a1111-'));

addTinyModel();
if (!values['from-url']) run('install', webui);
const server = new A1111Server({
  folder: webui,
  dataFolder,
  python: path.resolve(values.python),
  port: Number(values.port),
  flags: values.flag,
});
const browser = await launchBrowser();
try {
  note('the web UI is up', await server.waitFor(() => server.count(/^Startup time/gm) > 0));
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  if (values['from-url']) await installFromUrl(page);
  note('then the sidecar runs', await server.waitFor(() => server.hasSidecar()));
  const view = await openTab(page);
  await erasePontilla(page, view);
  // Its first picture takes a web UI longer than those that follow.
  await drawnWith(page);
  await useAndRollBack(page, view);
  await eraseWithItsPictures(server, {
    model: original,
    settings: { steps: 4, batch: 1, generatedForget: 2, generatedRetain: 2, evaluationPictures: 1 },
  });
  console.log(`  then it draws with ${await drawnWith(page)}`);
  await lendMemory(page);
  await keepSidecar(page);
  await surviveDeaths(server);
} finally {
  await browser.close();
  const sidecar = server.sidecarIdOrNull();
  await server.kill();
  await whenEnded(sidecar);
  if (values['from-url']) {
    rmSync(path.join(extensions, 'erase-concept'), { recursive: true, force: true });
  } else run('uninstall', webui);
  removeTinyModel();
  rmSync(dataFolder, { recursive: true, force: true, maxRetries: 5 });
}
for (const [folder, names] of before) {
  const left = readdirSync(folder).filter((name) => !names.includes(name));
  console.log(`left in ${folder}: ${left.join(', ') || 'nothing'}`);
}

/** The web UI reads the text encoder below the folder that it runs in, with CLIP's own vocabulary. */
function addTinyModel(): void {
  const tinyModel = path.join(checkout, 'presets', 'tiny-sd');
  mkdirSync(models, { recursive: true });
  for (const part of [original, 'tiny-sd.yaml', 'tiny-clip']) {
    cpSync(path.join(tinyModel, part), path.join(models, part), { recursive: true });
  }
  cpSync(path.join(tinyModel, 'tiny-clip'), textEncoder, { recursive: true });
  const { vocab, merges } = loadClipVocabulary();
  writeFileSync(path.join(textEncoder, 'vocab.json'), JSON.stringify(vocab));
  const rules = merges.map((pair) => `${pair.join(' ')}\n`);
  writeFileSync(path.join(textEncoder, 'merges.txt'), `#version: 0.2\n${rules.join('')}`);
}

function removeTinyModel(): void {
  for (const name of readdirSync(models)) {
    if (name.startsWith('tiny-')) rmSync(path.join(models, name), { recursive: true });
  }
  rmSync(textEncoder, { recursive: true });
}

/** Installs as people do, in the page of the web UI, and has it load what is new. */
async function installFromUrl(page: Page): Promise<void> {
  await page.goto(server.url.href);
  await page.getByRole('button', { name: 'Extensions', exact: true }).click();
  await page.getByRole('button', { name: 'Install from URL' }).click();
  await page.getByLabel("URL for extension's git repository").fill(`file://${checkout}`);
  await page.getByLabel('Local directory name').fill('erase-concept');
  const start = performance.now();
  await page.getByRole('button', { name: 'Install', exact: true }).click();
  await page.getByText(/^Installed into /).waitFor({ timeout: jobLimitMs });
  note('installed from its address', performance.now() - start);
  await reloadInterface(page);
}

/** Opens the tab beside the web UI's own, in its theme. */
async function openTab(page: Page): Promise<Frame> {
  await page.goto(`${server.url.href}?__theme=dark`);
  await page.getByRole('button', { name: 'Erase Concept' }).click();
  const element = page.locator('#erase-concept-frame');
  await element.and(page.locator('[src*="theme"]')).waitFor();
  const view = await (await element.elementHandle()).contentFrame();
  if (!view) throw new Error('the tab shows no page');
  await view.getByText('draws at 64').waitFor();
  await view.locator('html[data-theme="dark"]').waitFor();
  return view;
}

async function erasePontilla(page: Page, view: Frame): Promise<void> {
  const forPicture: Changes = { 'Steps between previews': '6' };
  await choosePontilla(view, values.screenshot === undefined ? fewSteps : forPicture);
  const start = performance.now();
  await erase(view);
  if (values.screenshot !== undefined) {
    await waitForStep(view, 50);
    await save(page, values.screenshot);
  }
  await waitForResult(view);
  note('erased in the tab', performance.now() - start);
}

/** A job for the graphics card, be it a software driver's: the host makes room, and is given it back. */
async function lendMemory(page: Page): Promise<void> {
  const settings = { steps: 100, batch: 1, generatedForget: 1, generatedRetain: 1 };
  const job = { model: original, forget: ['a red heart'], retain: ['a star'], settings };
  const form = new FormData();
  form.append('job', JSON.stringify({ ...job, device: 'webgpu', pictures: 'sidecar' }));
  const api = new URL('erase-concept/api/', server.url);
  const answer = await fetch(new URL('jobs', api), { method: 'POST', body: form });
  if (answer.status === 422) {
    console.log(`the host's graphics memory is not asked for: ${await answer.text()}`);
    return;
  }
  const { id } = (await answer.json()) as JobView;
  const isOver = (route: string) => server.calls.some((call) => call.route === route);
  await server.waitFor(() => isOver('unload-checkpoint'));
  await fetch(new URL(`jobs/${id}/cancel`, api), { method: 'POST' });
  await server.waitFor(() => isOver('reload-checkpoint'));
  note('the host frees its graphics memory', lastCall('unload-checkpoint'));
  note('the host takes it back', lastCall('reload-checkpoint'));
  console.log(`  then it draws with ${await drawnWith(page)}`);
}

/** "Use this model" and "Roll back", in the page; what pictures are drawn with is looked at. */
async function useAndRollBack(page: Page, view: Frame): Promise<void> {
  for (const [button, name, model] of [
    ['use', 'Use this model', scrubbed],
    ['roll back', `Roll back to ${original}`, original],
  ] as const) {
    const known = server.calls.length;
    const answered = view.page().waitForResponse(/\/(apply|rollback)$/, { timeout: jobLimitMs });
    const start = performance.now();
    await view.getByRole('button', { name }).click();
    await answered;
    const ms = performance.now() - start;
    await view.getByRole('button', { name }).waitFor({ state: 'hidden' });
    const shownMs = performance.now() - start;
    const calls = server.calls.slice(known);
    const took = (route: string) =>
      calls.filter((call) => call.route === route).reduce((sum, call) => sum + call.ms, 0);
    note(`${button}: from the click to a picture with it`, ms);
    note('  the host looks for files', took('refresh-checkpoints'));
    note('  the host loads it', took('options'));
    note('  the host draws a picture with it', took('txt2img'));
    note('  all but loading', ms - took('options'));
    note('  then the tab shows it', shownMs - ms);
    const drawn = await drawnWith(page);
    console.log(`  shown as ${await chosenIn(page)}, draws with ${drawn}`);
    if (drawn !== path.parse(model).name) throw new Error(`expected ${model}`);
  }
}

/** What the web UI's own page shows as the model. */
function chosenIn(page: Page): Promise<string> {
  return page.locator('#setting_sd_model_checkpoint input').inputValue();
}

/** Draws in the web UI's own tab. @returns the model that the picture's text names */
async function drawnWith(page: Page): Promise<string | undefined> {
  await page.getByRole('button', { name: 'txt2img', exact: true }).click();
  for (const [slider, value] of [
    ['steps', '2'],
    ['width', '64'],
    ['height', '64'],
  ]) {
    await page.locator(`#txt2img_${slider} input[type=number]`).fill(value ?? '');
  }
  await page.locator('#txt2img_prompt textarea').fill(`a red heart, ${performance.now()}`);
  await page.locator('#txt2img_generate').click();
  const text = page.locator('#html_info_txt2img').first();
  const prompt = await page.locator('#txt2img_prompt textarea').inputValue();
  await text.getByText(prompt).waitFor({ timeout: jobLimitMs });
  const model = /Model: ([^,]+)/.exec((await text.textContent()) ?? '')?.[1];
  await page.getByRole('button', { name: 'Erase Concept' }).click();
  return model;
}

/** Which also loads what was installed since. */
async function reloadInterface(page: Page): Promise<void> {
  const known = server.count(/^Startup time/gm);
  const start = performance.now();
  await page.getByRole('link', { name: 'Reload UI' }).click();
  await server.waitFor(() => server.count(/^Startup time/gm) > known);
  note('the interface is reloaded', performance.now() - start);
}

/** A new page, the same sidecar. */
async function keepSidecar(page: Page): Promise<void> {
  const sidecar = server.sidecarId();
  await reloadInterface(page);
  await openTab(page);
  if (server.sidecarId() !== sidecar) throw new Error('it started a second sidecar');
}

function lastCall(route: string): number {
  return server.calls.findLast((call) => call.route === route)?.ms ?? NaN;
}

/** Writes what the window shows, in few colours: interfaces have few. */
async function save(page: Page, file: string): Promise<void> {
  await page.waitForTimeout(600);
  const png = await page.screenshot();
  await sharp(png).png({ palette: true, compressionLevel: 9 }).toFile(file);
}
