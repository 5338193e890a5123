import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { callCli, parseEvents, startCli } from '../helpers/run-cli.ts';
import { writeTinySdFolder } from '../helpers/tiny-sd-folder.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'erase-concept-folder-'));
  writeTinySdFolder(path.join(folder, 'tiny'));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const LIMIT_MS = 120_000;

async function run(...args: string[]) {
  const { status, stdout, stderr } = await callCli([...args, '--json'], folder);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return parseEvents(stdout);
}

it('a folder is erased from, resumed, inspected, drawn with and evaluated', async () => {
  const erasing = startCli(
    [
      ...['erase', '--model', 'tiny', '--device', 'cpu', '--threads', '1', '--steps', '8'],
      ...['--forget', 'a red heart', '--concept', 'heart', '--retain', 'a star'],
      ...['--generated-forget', '2', '--generated-retain', '2', '--generation-steps', '2'],
      ...['--evaluate', '0', '--metadata', 'full', '--json'],
    ],
    { folder, limitMs: LIMIT_MS },
  );
  await erasing.printed('"step":2');
  erasing.process.kill('SIGINT');
  expect((await erasing.ended).status).toBe(5);
  expect(readdirSync(folder).sort()).toEqual(['data', 'tiny']);

  const [job] = readdirSync(path.join(folder, 'data/jobs'));
  const output = path.join(folder, 'tiny-without-heart');
  const done = (await run('resume', job!)).at(-1);
  expect(done).toMatchObject({ event: 'done', output });
  expect(readdirSync(folder).sort()).toEqual(['data', 'tiny', 'tiny-without-heart']);

  const [described] = await run('inspect', 'tiny-without-heart');
  expect(described).toMatchObject({
    family: 'sd1',
    eraseConcept: { method: 'erasediff', steps: 8, forget: [{ prompt: 'a red heart' }] },
    erasing: { supported: true },
  });

  await run(
    ...['sample', '--model', 'tiny-without-heart', '--prompt', 'a star', '--steps', '2'],
    ...['--out', 'pictures', '--device', 'cpu', '--threads', '1'],
  );
  expect(readdirSync(path.join(folder, 'pictures'))).toEqual(['0-0.png']);

  const evaluated = await run(
    ...['evaluate', '--before', 'tiny', '--after', 'tiny-without-heart', '--device', 'cpu'],
    ...['--threads', '1'],
    ...['--forget', 'a red heart', '--retain', 'a star', '--count', '1', '--steps', '2'],
  );
  expect(evaluated.at(-1)).toMatchObject({ event: 'done' });
}, 400_000);

const weights = 'unet/diffusion_pytorch_model';
const setJson = (file: string, values: object) => {
  const config = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as object) : {};
  writeFileSync(file, JSON.stringify({ ...config, ...values }));
};

it.each<[string, (model: string) => void, string, RegExp]>([
  [
    'with pickles only',
    (model) => {
      renameSync(path.join(model, `${weights}.safetensors`), path.join(model, `${weights}.bin`));
    },
    'checkpoint.not-safetensors',
    /has its weights only as "diffusion_pytorch_model\.bin".*Download the model's \.safetensors/,
  ],
  [
    'without VAE',
    (model) => {
      rmSync(path.join(model, 'vae'), { recursive: true });
    },
    'checkpoint.damaged',
    /lacks ".*config\.json"\. Use a complete copy/,
  ],
  [
    'of the SDXL refiner',
    (model) => {
      const second = ['transformers', 'CLIPTextModelWithProjection'];
      const encoders = { text_encoder: [null, null], text_encoder_2: second };
      setJson(path.join(model, 'model_index.json'), encoders);
    },
    'model.unsupported',
    /the SDXL refiner, which only finishes images of a base model\. Use the base model/,
  ],
  [
    'with an index that lists a file that is not there',
    (model) => {
      const map = { 'conv_in.bias': 'diffusion_pytorch_model-00001-of-00002.safetensors' };
      setJson(path.join(model, `${weights}.safetensors.index.json`), { weight_map: map });
    },
    'checkpoint.damaged',
    /which is not there\. Copy or download the model's folder again/,
  ],
  [
    'with an index that leads out of it',
    (model) => {
      const map = { 'conv_in.bias': '../../other.safetensors' };
      setJson(path.join(model, `${weights}.safetensors.index.json`), { weight_map: map });
    },
    'checkpoint.damaged',
    /lists "\.\.\/\.\.\/other\.safetensors", which is no .* beside it/,
  ],
])('refuses a folder %s with status 3', async (_, change, code, message) => {
  const model = writeTinySdFolder(path.join(folder, 'bad'));
  try {
    change(model);
    const args = ['erase', '--model', 'bad', '--forget', 'a heart', '--json'];
    const { status, stdout } = await callCli(args, folder);
    expect(status).toBe(3);
    expect(parseEvents(stdout)).toMatchObject([{ event: 'error', code }]);
    expect(parseEvents(stdout)[0]?.message).toMatch(message);
  } finally {
    rmSync(model, { recursive: true });
  }
});

it.each([
  ['a name of files', 'new.safetensors', /ends in \.safetensors/],
  ['a place in the model', path.join('tiny', 'new'), /within the model's own folder/],
])('refuses %s for the result', async (_, out, message) => {
  const args = ['erase', '--model', 'tiny', '--forget', 'a heart', '--out', out];
  const { status, stderr } = await callCli(args, folder);
  expect(status).toBe(3);
  expect(stderr).toMatch(message);
});
