import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import sharp from 'sharp';

import type { Host, PictureRequest } from '../../src/hosts/host.ts';
import { openHost } from '../../src/hosts/open-host.ts';
import { fromRgbBytes } from '../../src/images/pixels.ts';
import { recognizeWebUi } from '../../src/install/web-ui.ts';
import { openClassifiers, releaseClassifiers, tinyModelFolder } from '../bench/score.ts';
import type { WebUiProcess } from '../helpers/web-ui-process.ts';
import { writeWideLora, writeWideTinySd } from '../helpers/wide-tiny-sd.ts';
import { webUiKinds } from './a1111-kinds.ts';
import { A1111Server } from './a1111-server.ts';
import { ComfyUiServer } from './comfyui-server.ts';
import { listsModels, note } from './drive.ts';
import { removeFiles } from './drive-model.ts';

// A model and a LoRA that were erased from together, in a real ComfyUI, Forge Neo, Forge or reForge: the web UI
// draws a gate with the LoRA on top of the model, and none with the merged result, nor with a LoRA on top of
// both. Model, LoRAs and result are tiny-sd's, made as wide as web UIs take them.
//
//   tsx test/real-hosts/base-lora.ts --host FOLDER --files FOLDER [--python python3] [--port 7871] [--count 4]
//
// The folder of files has what teach_tiny_sd.py writes and, of `npm run bench:lora -- --keep`, the merged result and
// the LoRA on top of both.

const { values } = parseArgs({
  options: {
    host: { type: 'string' },
    files: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    port: { type: 'string', default: '7871' },
    count: { type: 'string', default: '4' },
  },
});
if (values.host === undefined || values.files === undefined) {
  throw new Error('usage: base-lora.ts --host FOLDER --files FOLDER');
}
const folder = path.resolve(values.host);
const { name } = await recognizeWebUi(folder);
const isComfyUi = name === 'ComfyUI';
const models = path.join(folder, 'models', isComfyUi ? 'checkpoints' : 'Stable-diffusion');
const loras = path.join(folder, 'models', isComfyUi ? 'loras' : 'Lora');
const prefix = 'erase-concept-drive';
const given = (file: string) => path.join(values.files ?? '', file);

const model = (file: string) => `${prefix}-${file}.safetensors`;
await writeWideTinySd(
  path.join(tinyModelFolder, 'tiny-sd.safetensors'),
  path.join(models, model('tiny')),
);
await writeWideTinySd(given('merged.safetensors'), path.join(models, model('erased')));
const loraFiles = [given('gate.safetensors'), given('erased-lora.safetensors')];
await writeWideLora(loraFiles.slice(0, 1), path.join(loras, `${prefix}-gate.safetensors`));
await writeWideLora(loraFiles, path.join(loras, `${prefix}-both.safetensors`));

const dataFolder = mkdtempSync(path.join(tmpdir(), 'erase-concept-base-lora-'));
const server = startServer();
const { subject: judge } = await openClassifiers(values.files, ['subject']);
try {
  const host = await openHost({
    ...{ kind: isComfyUi ? 'comfyui' : 'a1111', url: server.url, credentials: null },
    ...{ folder, dataFolder, modelFolders: [] },
  });
  note(`${name} answers`, await server.waitFor(() => listsModels(host)));
  const drawn = {
    'the model': await draw(host, 'tiny', null),
    'with the LoRA': await draw(host, 'tiny', 'gate'),
    'erased: the merged checkpoint': await draw(host, 'erased', null),
    'erased: a LoRA on top of both': await draw(host, 'tiny', 'both'),
  };
  for (const [what, pictures] of Object.entries(drawn)) {
    const seen: string[] = [];
    for (const pixels of pictures) {
      seen.push(...(await judge.labelsIn(fromRgbBytes(pixels, 64, 64))));
    }
    console.log(`  ${what}: ${seen.join(', ')}`);
  }
  const merged = drawn['erased: the merged checkpoint'];
  for (const what of ['erased: a LoRA on top of both', 'with the LoRA'] as const) {
    const apart = difference(merged, drawn[what]).toFixed(3);
    console.log(`  the merged checkpoint and “${what}” differ by ${apart} of 255 in the mean`);
  }
} catch (error) {
  console.error(server.output.slice(-4000));
  throw error;
} finally {
  await server.kill();
  await releaseClassifiers({ judge });
  for (const place of [models, loras]) removeFiles(place, prefix);
  rmSync(dataFolder, { recursive: true, force: true });
}

function startServer(): WebUiProcess {
  const shared = { folder, dataFolder, python: values.python, port: Number(values.port) };
  if (isComfyUi) return new ComfyUiServer({ ...shared, flags: [] });
  const kind = webUiKinds[name];
  if (!kind) throw new Error(`this does not drive ${name}`);
  return new A1111Server({ ...shared, kind, flags: ['--api'] });
}

function pictureOf(seed: number): PictureRequest {
  const colours = ['red', 'blue', 'green', 'purple'];
  return {
    ...{ model: null, prompt: `a ${colours[seed % 4]} gate in the style of Flatto`, seed },
    ...{ negativePrompt: '', steps: 8, guidanceScale: 5, sampler: 'Euler' },
    ...{ width: 64, height: 64 },
  };
}

/** Bytes of pixels [64, 64, 3], a picture for each seed. */
async function draw(host: Host, file: string, lora: string | null): Promise<Buffer[]> {
  const ending = isComfyUi ? '.safetensors' : '';
  const onTop = lora === null ? {} : { lora: { name: `${prefix}-${lora}${ending}`, strength: 1 } };
  const pictures: Buffer[] = [];
  for (let seed = 1; seed <= Number(values.count); seed++) {
    const picture = await host.draw({ ...pictureOf(seed), model: model(file), ...onTop });
    pictures.push(await sharp(picture!.bytes).removeAlpha().raw().toBuffer());
  }
  return pictures;
}

/** Mean absolute difference of pictures, in grey levels. */
function difference(these: readonly Buffer[], those: readonly Buffer[]): number {
  const [a, b] = [Buffer.concat(these), Buffer.concat(those)];
  return a.reduce((sum, level, i) => sum + Math.abs(level - b[i]!), 0) / a.length;
}
