import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import type { Frame, Page } from 'playwright-core';

import { launchBrowser } from '../browser/launch-browser.ts';
import { choosePontilla, erase, fewSteps, jobLimitMs, waitForResult } from '../browser/steps.ts';
import { writeTinySdFolder } from '../helpers/tiny-sd-folder.ts';
import { whenEnded } from '../helpers/web-ui-process.ts';
import { eraseWithItsPictures, note, run, startOnGraphicsCard, surviveDeaths } from './drive.ts';
import { addVocabulary } from './drive-model.ts';
import { SdNextServer } from './sdnext-server.ts';

// A real SD.Next with its own page, from the installation of the tab to its removal, with the tiny
// model as a diffusers folder. Prints how long what took; the first thing that does not work ends it.
//
//   tsx test/real-hosts/sdnext.ts --webui FOLDER --python FILE [--port 7860] [--flag=--safe …]
//     [--screenshot FILE]
//
// FILE is the Python of an environment with all that its installer would fetch. The folder of the web
// UI is left as it was found, but for what SD.Next makes there itself.

const { values } = parseArgs({
  options: {
    webui: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    port: { type: 'string', default: '7860' },
    flag: { type: 'string', multiple: true, default: [] },
    screenshot: { type: 'string' },
  },
});
if (values.webui === undefined) throw new Error('usage: sdnext.ts --webui FOLDER --python FILE');
const webui = path.resolve(values.webui);
const models = path.join(webui, 'models', 'Diffusers');
const extensions = path.join(webui, 'extensions');
const original = 'erase-concept-drive';
const scrubbed = `${original}-without-pontilla`;

/** Its page is some thousand elements, and a busy machine has no graphics card to show them. */
const pageLimitMs = 240_000;

mkdirSync(models, { recursive: true });
const before = [models, extensions].map((folder) => [folder, readdirSync(folder)] as const);
const dataFolder = mkdtempSync(path.join(tmpdir(), 'erase-concept-sdnext-'));
const settingsFolder = mkdtempSync(path.join(tmpdir(), 'erase-concept-sdnext-settings-'));

addVocabulary(path.join(writeTinySdFolder(path.join(models, original)), 'tokenizer'));
run('install', webui);
const server = new SdNextServer({
  ...{ folder: webui, dataFolder, settingsFolder, port: Number(values.port) },
  python: path.resolve(values.python),
  flags: values.flag,
});
const browser = await launchBrowser();
try {
  note('the web UI is up', await server.waitFor(() => server.count(/Startup time/g) > 0));
  note('then the sidecar runs', await server.waitFor(() => server.hasSidecar()));
  await server.choose(`Diffusers/${original}`);
  await expectLoaded(original);
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const view = await openTab(page);
  await erasePontilla(view);
  await useAndRollBack(page, view);
  // The page alone keeps a processor busy.
  await page.close();
  await eraseWithItsPictures(server, {
    model: `Diffusers/${original}`,
    settings: { steps: 4, batch: 1, generatedForget: 2, generatedRetain: 2, evaluationPictures: 1 },
  });
  await expectLoaded(original);
  await lendMemory();
  await surviveDeaths(server);
} finally {
  await browser.close();
  const sidecar = server.sidecarIdOrNull();
  await server.kill();
  await whenEnded(sidecar);
  run('uninstall', webui);
  for (const name of readdirSync(models)) {
    if (name.startsWith(original)) rmSync(path.join(models, name), { recursive: true });
  }
  for (const folder of [dataFolder, settingsFolder]) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
for (const [folder, names] of before) {
  const left = readdirSync(folder).filter((name) => !names.includes(name));
  console.log(`left in ${folder}: ${left.join(', ') || 'nothing'}`);
}

/** What is loaded, by SD.Next's word and by what a picture's text says. */
async function expectLoaded(model: string): Promise<void> {
  const loaded = await server.loaded();
  const drawn = await server.drawnWith();
  console.log(`  it has loaded ${loaded}, and draws with ${drawn}`);
  if (loaded !== `Diffusers/${model}` || drawn !== model) throw new Error(`expected ${model}`);
}

/** Opens the tab beside the web UI's own, in its theme. */
async function openTab(page: Page): Promise<Frame> {
  // Without a graphics card, what moves while it starts takes the time that its start needs.
  await page.addInitScript(`addEventListener('DOMContentLoaded', () => {
    const style = document.createElement('style');
    style.textContent = '* { animation: none !important } .splash { display: none !important }';
    document.head.append(style);
  })`);
  const start = performance.now();
  await page.goto(server.url.href);
  await page.locator('#splash').waitFor({ state: 'detached', timeout: pageLimitMs });
  note('its page is up', performance.now() - start);
  // Its first two letters are all that its own interface shows of the name of a tab.
  await page.locator('.icon-letters').getByText('er', { exact: true }).click();
  const element = page.locator('#erase-concept-frame');
  await element.and(page.locator('[src*="theme"]')).waitFor();
  const view = await (await element.elementHandle()).contentFrame();
  if (!view) throw new Error('the tab shows no page');
  await view.getByText('64×64').waitFor({ timeout: pageLimitMs });
  await view.locator('html[data-theme="dark"]').waitFor();
  if (values.screenshot !== undefined) await page.screenshot({ path: values.screenshot });
  return view;
}

async function erasePontilla(view: Frame): Promise<void> {
  await choosePontilla(view, fewSteps);
  const start = performance.now();
  await erase(view);
  await waitForResult(view);
  note('erased in the tab', performance.now() - start);
}

/** "Use this model" and "Roll back", in the page. */
async function useAndRollBack(page: Page, view: Frame): Promise<void> {
  for (const [button, name, model] of [
    ['use', 'Use this model', scrubbed],
    ['roll back', `Roll back to Diffusers/${original}`, original],
  ] as const) {
    const known = server.calls.length;
    const answered = page.waitForResponse(/\/(apply|rollback)$/, { timeout: jobLimitMs });
    const start = performance.now();
    await view.getByRole('button', { name }).click();
    await answered;
    const ms = performance.now() - start;
    const took = (route: string) =>
      server.calls
        .slice(known)
        .filter((call) => call.route === route)
        .reduce((sum, call) => sum + call.ms, 0);
    note(`${button}: from the click to a picture with it`, ms);
    note('  the host loads it', took('options'));
    note('  the host draws a picture with it', took('txt2img'));
    await view.getByRole('button', { name }).waitFor({ state: 'hidden', timeout: jobLimitMs });
    await expectLoaded(model);
    await becomesShown(page, model);
  }
}

/** Waits until the web UI's own page shows a model as its choice. */
async function becomesShown(page: Page, model: string): Promise<void> {
  const start = performance.now();
  const shown = page.locator('#setting_sd_model_checkpoint input').first();
  while ((await shown.inputValue()) !== `Diffusers/${model}`) {
    if (performance.now() - start > jobLimitMs) throw new Error(`it shows no ${model}`);
    await page.waitForTimeout(100);
  }
  note('  then its page shows it', performance.now() - start);
}

/** A job for the graphics card, be it a software driver's: the host makes room, and is given it back. */
async function lendMemory(): Promise<void> {
  const settings = { steps: 100, batch: 1, generatedForget: 1, generatedRetain: 1 };
  const job = { model: `Diffusers/${original}`, forget: ['a red heart'], retain: ['a star'] };
  const id = await startOnGraphicsCard(server, { ...job, settings });
  if (id === null) return;
  const called = (route: string) => server.calls.findLast((call) => call.route === route);
  await server.waitFor(() => called('unload-checkpoint') !== undefined);
  console.log(`  it has loaded ${await server.loaded()}`);
  await server.fetch(`api/jobs/${id}/cancel`, { method: 'POST' });
  await server.waitFor(() => called('reload-checkpoint') !== undefined);
  note('the host frees its graphics memory', called('unload-checkpoint')?.ms ?? NaN);
  note('the host takes it back', called('reload-checkpoint')?.ms ?? NaN);
  await expectLoaded(original);
}
