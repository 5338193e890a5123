import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { jobRequestSchema } from '../../src/contract/requests.ts';
import { describeDrawing, describeGuesses } from '../../src/drawing/describe-drawing.ts';
import type { Host } from '../../src/hosts/host.ts';
import { openHost } from '../../src/hosts/open-host.ts';
import { recognizeWebUi } from '../../src/install/web-ui.ts';
import { FolderRepository } from '../../src/jobs/local/folder-repository.ts';
import { draftUpload } from '../../src/jobs/request/draft-upload.ts';
import { tinyModelFolder } from '../bench/score.ts';
import { writeWideTinySd } from '../helpers/wide-tiny-sd.ts';
import { webUiKinds } from './a1111-kinds.ts';
import { A1111Server } from './a1111-server.ts';
import { ComfyUiServer } from './comfyui-server.ts';
import { listsModels, note } from './drive.ts';
import { removeFiles } from './drive-model.ts';

// The clip skip, the VAE and the size that the user of a real ComfyUI, Forge Neo, Forge or AUTOMATIC1111 draws
// with are what a job takes that says nothing of them. A model without a VAE lies beside a VAE; its user draws a
// picture, portrait, at clip skip 2, in few steps; then a job is asked for.
//
//   tsx test/real-hosts/host-drawing.ts --host FOLDER [--python python3] [--port 7871]

const { values } = parseArgs({
  options: {
    host: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    port: { type: 'string', default: '7871' },
  },
});
if (values.host === undefined) throw new Error('usage: host-drawing.ts --host FOLDER');
const folder = path.resolve(values.host);
const { name } = await recognizeWebUi(folder);
const isComfyUi = name === 'ComfyUI';
const models = path.join(folder, 'models', isComfyUi ? 'checkpoints' : 'Stable-diffusion');
const vaes = path.join(folder, 'models', isComfyUi ? 'vae' : 'VAE');
const prefix = 'erase-concept-drive';
const [model, vae] = [`${prefix}-no-vae.safetensors`, `${prefix}-vae.safetensors`];
// Forge Neo draws in multiples of 64.
const user = { steps: 6, cfg: 4.5, width: 64, height: 128, negative: 'a moon' };
const prompt = 'a red heart in the style of Flatto';

/** What it is set to, which is put back. */
const settingsFile = path.join(folder, 'config.json');
const settingsBefore = existsSync(settingsFile) ? readFileSync(settingsFile) : null;
await writeParts();
const dataFolder = mkdtempSync(path.join(tmpdir(), 'erase-concept-host-drawing-'));
const shared = { folder, dataFolder, python: values.python, port: Number(values.port) };
const server = startServer();
try {
  const host = await openHost({
    ...{ kind: isComfyUi ? 'comfyui' : 'a1111', url: server.url, credentials: null },
    ...{ folder, dataFolder, modelFolders: [] },
  });
  note(`${name} answers`, await server.waitFor(() => listsModels(host)));
  await (isComfyUi ? drawInComfyUi() : drawInA1111(host));
  const listed = (await host.listModels()).find((known) => known.path.endsWith(model));
  if (!listed) throw new Error(`${name} does not list ${model}`);
  const request = { model: listed.name, forget: [prompt], retain: ['a blue star'] };
  const noFiles = { forgetImages: [], retainImages: [], conceptImages: new Map() };
  const stored = await draftUpload(jobRequestSchema.parse(request), noFiles, {
    ...{ model: listed, host, dataFolder, threads: 2 },
    repository: new FolderRepository(dataFolder),
  });
  const draft = await stored.readDraft();
  if (!draft) throw new Error('the job has no draft');
  const { settings, drawingSources, vae: taken } = draft;
  console.log(`  drawn: ${describeDrawing(settings)}`);
  for (const guess of describeGuesses(settings, drawingSources)) console.log(`  ${guess}`);
  console.log(`  VAE: ${taken === null ? 'none' : path.relative(folder, taken)}`);
  const { drawSteps, drawCfg, drawSampler, clipSkip, width, height } = settings;
  const found = { drawSteps, drawCfg, drawSampler, clipSkip, width, height, vae: taken };
  const wanted = {
    ...{ drawSteps: user.steps, drawCfg: user.cfg, drawSampler: 'Euler a', clipSkip: 2 },
    ...{ width: user.width, height: user.height, vae: path.join(vaes, vae) },
  };
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`the job takes ${JSON.stringify(found)}, and not ${JSON.stringify(wanted)}`);
  }
} catch (error) {
  console.error(server.output.slice(-4000));
  throw error;
} finally {
  await server.kill();
  if (settingsBefore !== null) writeFileSync(settingsFile, settingsBefore);
  for (const place of [models, vaes]) removeFiles(place, prefix);
  rmSync(dataFolder, { recursive: true, force: true });
}

function startServer() {
  if (isComfyUi) return new ComfyUiServer({ ...shared, flags: [] });
  const kind = webUiKinds[name];
  if (!kind) throw new Error(`this does not drive ${name}`);
  return new A1111Server({ ...shared, kind, flags: ['--api'] });
}

/** tiny-sd as wide as web UIs take it, as a model without a VAE and a VAE. */
async function writeParts(): Promise<void> {
  const whole = path.join(models, `${prefix}-whole.safetensors`);
  await writeWideTinySd(path.join(tinyModelFolder, 'tiny-sd.safetensors'), whole);
  mkdirSync(vaes, { recursive: true });
  const file = await openSafetensors(whole);
  const of = 'first_stage_model.';
  const entries = [...file.tensors].map(([tensor, { shape }]) => ({
    ...{ name: tensor, shape, elements: () => file.readFloat32(tensor) },
  }));
  const own = entries.filter((entry) => entry.name.startsWith(of));
  await writeTensorFile(
    path.join(models, model),
    entries.filter((entry) => !own.includes(entry)),
    {},
  );
  const named = own.map((entry) => ({ ...entry, name: entry.name.slice(of.length) }));
  await writeTensorFile(path.join(vaes, vae), named, {});
  await file.close();
  rmSync(whole);
}

async function ask(address: string, body: object): Promise<unknown> {
  const answer = await fetch(new URL(address, server.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${answer.status} for ${address}: ${await answer.text()}`);
  return answer.json();
}

/** Sets what is set in the web UI's page, and draws a picture. */
async function drawInA1111(host: Host): Promise<void> {
  await host.refresh();
  const place = path.join(vaes, vae);
  const options = { sd_model_checkpoint: model, CLIP_stop_at_last_layers: 2 };
  // Forge has a list of files that belong to the model in the place of the VAE.
  await ask('sdapi/v1/options', { ...options, sd_vae: vae, forge_additional_modules: [place] });
  await ask('sdapi/v1/txt2img', {
    ...{ prompt, negative_prompt: user.negative, steps: user.steps, cfg_scale: user.cfg },
    ...{ width: user.width, height: user.height, sampler_name: 'Euler a', seed: 1 },
  });
}

/** Runs a workflow, as its page does. */
async function drawInComfyUi(): Promise<void> {
  const { steps, cfg, width, height, negative } = user;
  const graph = {
    '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: model } },
    '2': { class_type: 'VAELoader', inputs: { vae_name: vae } },
    '3': { class_type: 'CLIPSetLastLayer', inputs: { clip: ['1', 1], stop_at_clip_layer: -2 } },
    '4': { class_type: 'CLIPTextEncode', inputs: { text: prompt, clip: ['3', 0] } },
    '5': { class_type: 'CLIPTextEncode', inputs: { text: negative, clip: ['3', 0] } },
    '6': { class_type: 'EmptyLatentImage', inputs: { width, height, batch_size: 1 } },
    '7': {
      class_type: 'KSampler',
      inputs: {
        ...{ model: ['1', 0], positive: ['4', 0], negative: ['5', 0], latent_image: ['6', 0] },
        ...{ seed: 1, steps, cfg, denoise: 1 },
        ...{ sampler_name: 'euler_ancestral', scheduler: 'normal' },
      },
    },
    '8': { class_type: 'VAEDecode', inputs: { samples: ['7', 0], vae: ['2', 0] } },
    '9': { class_type: 'PreviewImage', inputs: { images: ['8', 0] } },
  };
  const { prompt_id: id } = (await ask('prompt', { prompt: graph })) as { prompt_id: string };
  const ran = async () => {
    const answer = await fetch(new URL(`history/${id}`, server.url));
    const history = (await answer.json()) as Record<string, { status: { completed: boolean } }>;
    return history[id]?.status.completed === true;
  };
  note('it draws', await server.waitFor(ran));
}
