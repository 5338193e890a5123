import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import type { Frame, Page } from 'playwright-core';

import { pictureGraph } from '../../src/hosts/comfyui/picture-graph.ts';
import { trialPicture } from '../../src/hosts/trial-picture.ts';
import { launchBrowser } from '../browser/launch-browser.ts';
import { erase, jobLimitMs, waitForResult, waitForStep } from '../browser/steps.ts';
import { ComfyUiServer } from './comfyui-server.ts';
import { eraseWithItsPictures, note, run, surviveDeaths } from './drive.ts';
import { addModelFile, removeFiles } from './drive-model.ts';

// A real ComfyUI with its own front end, from the installation of the tab to its removal. Prints how
// long what took; the first thing that does not work ends it.
//
//   tsx test/real-hosts/comfyui.ts --comfyui FOLDER --model FILE [--python python3] [--port 8189]
//     [--front-end FOLDER]
//
// FILE is a checkpoint that ComfyUI takes, such as `tsx test/bench/make-full-size.ts FILE --reduced`
// writes. The folder of ComfyUI is left as it was found.

const { values } = parseArgs({
  options: {
    comfyui: { type: 'string' },
    model: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    port: { type: 'string', default: '8189' },
    'front-end': { type: 'string' },
  },
});
if (values.comfyui === undefined || values.model === undefined) {
  throw new Error('usage: comfyui.ts --comfyui FOLDER --model FILE');
}
const comfyui = path.resolve(values.comfyui);
const modelFile = path.resolve(values.model);
const frontEnd = values['front-end'];
const checkpoints = path.join(comfyui, 'models', 'checkpoints');
const loras = path.join(comfyui, 'models', 'loras');
const customNodes = path.join(comfyui, 'custom_nodes');
const nodesBefore = readdirSync(customNodes);
const dataFolder = mkdtempSync(path.join(tmpdir(), 'erase-concept-comfyui-'));

/** What is in the open workflow's loader. */
const loaderWidget = `comfyAPI.app.app.graph.nodes.find(({ type }) => type === 'CheckpointLoaderSimple').widgets[0]`;

const browser = await launchBrowser();
run('install', comfyui);
const model = addModelFile(modelFile, checkpoints);
const server = new ComfyUiServer({
  ...{ folder: comfyui, dataFolder, python: values.python, port: Number(values.port) },
  flags: [
    ...['--user-directory', makeUserFolder()],
    ...(frontEnd === undefined ? [] : ['--front-end-root', path.resolve(frontEnd)]),
  ],
});
try {
  note('ComfyUI answers', await server.waitFor(() => server.answers()));
  note('then the sidecar runs', await server.waitFor(() => server.hasSidecar()));
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
  const view = await openTab(page);
  await eraseHeart(view);
  await useAndRollBack(page, view);
  await useByCommand(page, view);
  await putLora(page);
  await listNewFile(page);
  await eraseWithItsPictures(server, {
    model: model.original,
    settings: {
      ...model.settings,
      ...{ steps: 2, generatedForget: 1, generatedRetain: 1, evaluationPictures: 1 },
    },
  });
  await surviveDeaths(server);
} finally {
  await browser.close();
  await server.kill();
  removeAll();
}
const left = readdirSync(customNodes).filter((name) => !nodesBefore.includes(name));
if (left.length > 0) throw new Error(`left in custom_nodes: ${left.join(', ')}`);

/** Settings of somebody who is no newcomer: those are shown templates first. */
function makeUserFolder(): string {
  const folder = path.join(dataFolder, 'comfyui-user');
  mkdirSync(path.join(folder, 'default'), { recursive: true });
  const settings = JSON.stringify({ 'Comfy.TutorialCompleted': true });
  writeFileSync(path.join(folder, 'default', 'comfy.settings.json'), settings);
  return folder;
}

function removeAll(): void {
  run('uninstall', comfyui);
  model.remove();
  removeFiles(loras, 'erase-concept-drive');
  rmSync(dataFolder, { recursive: true, force: true, maxRetries: 5 });
}

/** Opens a workflow that draws with the original, and the tab beside it. */
async function openTab(page: Page): Promise<Frame> {
  await page.goto(server.url.href);
  const button = page.getByRole('button', { name: 'Erase Concept' });
  await button.waitFor();
  const graph = JSON.stringify(pictureGraph(model.original, trialPicture()));
  await page.evaluate(`comfyAPI.app.app.loadApiJson(${graph}, 'drive')`);
  const start = performance.now();
  await button.click();
  const element = await page.waitForSelector('iframe[title="Erase Concept"]');
  const view = await element.contentFrame();
  if (!view) throw new Error('the frame has no page');
  await view.getByRole('heading', { name: 'What should the model forget?' }).waitFor();
  note('the tab shows its page', performance.now() - start);
  return view;
}

async function eraseHeart(view: Frame): Promise<void> {
  await model.choose(view, false);
  const start = performance.now();
  await erase(view);
  await waitForStep(view, 1);
  note('the first step of the job is shown', performance.now() - start);
  await waitForResult(view);
  note('the job is done', performance.now() - start);
}

async function useAndRollBack(page: Page, view: Frame): Promise<void> {
  const isUsed = view.getByText('In use', { exact: true });
  await change('the new model is in use', async () => {
    await view.getByRole('button', { name: 'Use this model' }).click();
    await isUsed.waitFor({ timeout: jobLimitMs });
  });
  note('  then it is in the open workflow', await becomesLoaded(page, model.scrubbed));
  await change('the model before is in use again', async () => {
    await view.getByRole('button', { name: /^Roll back to / }).click();
    await isUsed.waitFor({ state: 'detached', timeout: jobLimitMs });
  });
  note('  then it is in the open workflow', await becomesLoaded(page, model.original));
}

/** Times a change of the model, and what of it is not ComfyUI's loading and drawing. */
async function change(what: string, work: () => Promise<void>): Promise<void> {
  const start = performance.now();
  await work();
  const ms = performance.now() - start;
  const ownMs = server.lastPromptMs();
  note(what, ms);
  note('  of that ComfyUI loads and draws', ownMs);
  note('  beyond that', ms - ownMs);
}

async function useByCommand(page: Page, view: Frame): Promise<void> {
  await view.getByRole('button', { name: 'Use this model' }).click();
  await view.getByText('In use', { exact: true }).waitFor({ timeout: jobLimitMs });
  await becomesLoaded(page, model.scrubbed);
  await page.evaluate(`${loaderWidget}.value = ${JSON.stringify(model.original)}`);
  await page.evaluate(`comfyAPI.app.app.extensionManager.command.execute('EraseConcept.UseModel')`);
  await becomesLoaded(page, model.scrubbed);
}

/** A LoRA is put between the loader of the open workflow and its sampler; what is in it does not matter. */
async function putLora(page: Page): Promise<void> {
  const name = 'erase-concept-drive.safetensors';
  writeFileSync(path.join(loras, name), '');
  const start = performance.now();
  const message = JSON.stringify({ type: 'erase-concept:lora', lora: name });
  await page.evaluate(`postMessage(${message}, location.origin)`);
  await page.waitForFunction(`(() => {
    const { graph } = comfyAPI.app.app;
    const of = (type) => graph.nodes.find((node) => node.type === type);
    const lora = of('LoraLoaderModelOnly');
    const isFed = (node, by) => node.inputs.some(({ name, link }) =>
      name === 'model' && (graph.links.get?.(link) ?? graph.links[link])?.origin_id === by.id);
    return lora?.widgets[0].value === ${JSON.stringify(name)} &&
      isFed(lora, of('CheckpointLoaderSimple')) && isFed(of('KSampler'), lora);
  })()`);
  note('a LoRA is put into the open workflow', performance.now() - start);
}

/** A file that comes from elsewhere while ComfyUI is open, as the command line writes it. */
async function listNewFile(page: Page): Promise<void> {
  const name = 'erase-concept-drive-new.safetensors';
  const part = path.join(checkpoints, `${name}.part`);
  copyFileSync(modelFile, part);
  renameSync(part, path.join(checkpoints, name));
  note('a new file is listed by ComfyUI', await server.waitFor(() => server.lists(name)));
  const start = performance.now();
  await page.waitForFunction(`${loaderWidget}.options.values.includes(${JSON.stringify(name)})`);
  note('then offered by the loaders of its page', performance.now() - start);
}

/** Waits until the loader of the open workflow has a model. @returns after how many ms it had */
async function becomesLoaded(page: Page, model: string): Promise<number> {
  const start = performance.now();
  const name = JSON.stringify(model);
  await page.waitForFunction(
    `${loaderWidget}.value === ${name} && ${loaderWidget}.options.values.includes(${name})`,
  );
  return performance.now() - start;
}
