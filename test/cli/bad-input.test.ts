import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { callCli, type CliResult, parseEvents, runCli, startCli } from '../helpers/run-cli.ts';
import { smallDisk } from '../helpers/small-disk.ts';
import { writeBadInput } from './bad-input-files.ts';

let folder: string;
let filesBefore: string[];

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'erase-concept-bad-input-'));
  await writeBadInput(folder);
  mkdirSync(path.join(folder, 'small-disk'));
  filesBefore = listFiles();
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function listFiles(): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

/** What a command must answer: its message says what is wrong, and what to do. */
interface Refusal {
  readonly status?: number;
  readonly code: string;
  readonly wrong: RegExp;
  readonly remedy: RegExp;
}

type Row = readonly [what: string, args: readonly string[], refusal: Refusal];

/** A command of erase that nothing is wrong with but what the row adds. */
const erase = (...args: string[]) => ['erase', '--device', 'cpu', ...args];
const eraseFrom = (model: string) =>
  erase('--model', `${model}.safetensors`, '--forget', 'a heart');
const eraseTiny = (...args: string[]) => erase('--model', 'tiny-sd.safetensors', ...args);
const forgetHeart = (...args: string[]) => eraseTiny('--forget', 'a heart', ...args);
const damaged = (wrong: RegExp): Refusal => ({
  code: 'checkpoint.damaged',
  wrong,
  remedy: /Copy or download it again/,
});

const models: Row[] = [
  [
    'that does not exist',
    eraseFrom('nowhere'),
    {
      code: 'checkpoint.not-found',
      wrong: /"[^"]*nowhere\.safetensors" does not exist/,
      remedy: /Check the path/,
    },
  ],
  [
    'that is a folder',
    erase('--model', 'tiny-clip', '--forget', 'a heart'),
    {
      code: 'checkpoint.not-safetensors',
      wrong: /is a folder without model_index\.json/,
      remedy: /Give one \.safetensors file, or the folder/,
    },
  ],
  [
    'that is a web page',
    eraseFrom('page'),
    {
      code: 'checkpoint.not-safetensors',
      wrong: /"page\.safetensors" is not a safetensors file/,
      remedy: /another kind, or damaged/,
    },
  ],
  [
    'that is empty',
    eraseFrom('empty'),
    {
      code: 'checkpoint.not-safetensors',
      wrong: /the file is empty/,
      remedy: /Copy or download it again/,
    },
  ],
  ['that was cut off', eraseFrom('half'), damaged(/the file has only \d+: it was cut off/)],
  ['that is longer than it says', eraseFrom('longer'), damaged(/7 bytes .* belong to no tensor/)],
  ['with tensors that overlap', eraseFrom('overlap'), damaged(/tensor "b" overlaps tensor "a"/)],
  [
    'with a tensor outside the file',
    eraseFrom('out-of-range'),
    damaged(/tensor "b" ends at byte \d+, but the file has only/),
  ],
  [
    'with an absurd header length',
    eraseFrom('absurd-length'),
    {
      code: 'checkpoint.not-safetensors',
      wrong: /header of 18446744073709551615 bytes/,
      remedy: /another kind, or damaged/,
    },
  ],
  ['with a name twice', eraseFrom('twice'), damaged(/has "a" twice/)],
  [
    'with NaN weights',
    eraseFrom('nan'),
    {
      code: 'checkpoint.nan',
      wrong: /"model\.diffusion_model\.out\.2\.weight" holds NaN or infinity \(element 100\)/,
      remedy: /use an undamaged copy/,
    },
  ],
  [
    'that is a LoRA',
    eraseFrom('lora'),
    {
      code: 'model.unsupported',
      wrong: /is a LoRA/,
      remedy: /Give the checkpoint/,
    },
  ],
  [
    'that is a VAE',
    eraseFrom('vae'),
    {
      code: 'model.unsupported',
      wrong: /is a VAE/,
      remedy: /Give the whole checkpoint/,
    },
  ],
  [
    'that is a .ckpt',
    erase('--model', 'old.ckpt', '--forget', 'a heart'),
    {
      code: 'checkpoint.not-safetensors',
      wrong: /is a \.ckpt file/,
      remedy: /Convert it first: .*"Checkpoint Merger" tab .* format "safetensors"/,
    },
  ],
  [
    'that is a renamed .ckpt',
    eraseFrom('renamed-ckpt'),
    {
      code: 'checkpoint.not-safetensors',
      wrong: /a PyTorch pickle/,
      remedy: /Convert it first/,
    },
  ],
  [
    'without text encoder',
    eraseFrom('no-text-encoder'),
    {
      code: 'model.unsupported',
      wrong: /no text encoder/,
      remedy: /Give the whole checkpoint/,
    },
  ],
  [
    'of the SDXL refiner',
    eraseFrom('refiner'),
    { code: 'model.unsupported', wrong: /the SDXL refiner/, remedy: /Use the base model/ },
  ],
  ['that inspect cannot read either', ['inspect', 'half.safetensors'], damaged(/it was cut off/)],
  [
    'that sample cannot draw with',
    ['sample', '--model', 'lora.safetensors', '--prompt', 'a heart', '--out', 'pictures'],
    {
      code: 'model.unsupported',
      wrong: /is a LoRA/,
      remedy: /Give the checkpoint/,
    },
  ],
];

const images = (name: string) => eraseTiny('--forget-images', name);
const pictures: Row[] = [
  [
    'of zero bytes',
    images('images-zero-byte'),
    {
      code: 'image.unreadable',
      wrong: /"2\.png" is empty \(0 bytes\)/,
      remedy: /leave it out/,
    },
  ],
  [
    'of 30000×30000 pixels',
    images('images-huge'),
    {
      code: 'image.too-large',
      wrong: /"1\.png" is 30000×30000 pixels/,
      remedy: /make it smaller/,
    },
  ],
  [
    'that is no image',
    images('images-text'),
    {
      code: 'image.unreadable',
      wrong: /"2\.png" is not a PNG, JPEG or WebP image/,
      remedy: /convert it or leave it out/,
    },
  ],
  [
    'beside a file of another kind',
    images('images-stray'),
    {
      code: 'image.unreadable',
      wrong: /"notes\.md" in folder .* is neither a PNG/,
      remedy: /move it elsewhere/,
    },
  ],
  [
    'without caption or prompt',
    images('images-no-caption'),
    {
      code: 'prompt.invalid',
      wrong: /no image in .* has a caption/,
      remedy: /NAME\.txt .*give prompts with --forget/,
    },
  ],
  [
    'in an empty folder',
    images('images-none'),
    {
      code: 'image.none',
      wrong: /has no image/,
      remedy: /put PNG, JPEG or WebP files in it/,
    },
  ],
  [
    'in a folder that does not exist',
    images('images-nowhere'),
    {
      code: 'image.none',
      wrong: /"images-nowhere" cannot be read/,
      remedy: /check the path/,
    },
  ],
];

const requests: Row[] = [
  [
    'an empty prompt',
    eraseTiny('--forget', ' '),
    {
      code: 'prompt.invalid',
      wrong: /a prompt to forget is empty/,
      remedy: /Give one or more words/,
    },
  ],
  [
    'an empty prompt to sample',
    ['sample', '--model', 'tiny-sd.safetensors', '--prompt', '', '--out', 'pictures'],
    {
      code: 'prompt.invalid',
      wrong: /a prompt of --prompt is empty/,
      remedy: /Give one or more words/,
    },
  ],
  [
    'nothing to forget',
    eraseTiny(),
    {
      code: 'prompt.invalid',
      wrong: /nothing is said of what to forget/,
      remedy: /Say it with --forget, --forget-images or --preset/,
    },
  ],
  [
    'a prompt to forget and to retain',
    forgetHeart('--retain', 'a heart'),
    {
      code: 'prompt.invalid',
      wrong: /both to be forgotten and to be retained/,
      remedy: /Take it out of one/,
    },
  ],
  [
    'a missing preset',
    eraseTiny('--preset', 'nobody'),
    {
      code: 'preset.not-found',
      wrong: /no preset "nobody"/,
      remedy: /Presets: .*pontilla/,
    },
  ],
  [
    'a broken preset',
    eraseTiny('--preset', 'broken'),
    {
      code: 'preset.invalid',
      wrong: /broken\.yaml" is not valid/,
      remedy: /Correct the file/,
    },
  ],
  [
    'a preset without its variable',
    eraseTiny('--preset', 'artist-style'),
    {
      code: 'preset.invalid',
      wrong: /needs artist/,
      remedy: /Give it with --set artist=/,
    },
  ],
  [
    'a preset without its pictures',
    eraseTiny('--preset', 'my-own-artwork', '--set', 'artist=x'),
    {
      code: 'image.none',
      wrong: /needs pictures \(Ten or more of your pictures\)/,
      remedy: /Give them with --forget-images/,
    },
  ],
  [
    'an output that exists',
    forgetHeart('--out', 'taken.safetensors'),
    {
      code: 'output.exists',
      wrong: /taken\.safetensors" exists already/,
      remedy: /another name with --out/,
    },
  ],
  [
    'an output of another kind',
    forgetHeart('--out', 'new.ckpt'),
    {
      code: 'settings.invalid',
      wrong: /does not end in \.safetensors/,
      remedy: /Choose a name that does/,
    },
  ],
  [
    'an output in no folder',
    forgetHeart('--out', 'no/where.safetensors'),
    {
      code: 'output.unwritable',
      wrong: /does not exist/,
      remedy: /another place with --out/,
    },
  ],
  [
    'a size that is no multiple of 8',
    forgetHeart('--size', '100'),
    {
      code: 'settings.invalid',
      wrong: /size 100 does not fit this model/,
      remedy: /a multiple of 8 pixels. The nearest is 104/,
    },
  ],
  [
    'a seed that is too large',
    forgetHeart('--seed', '4294967296'),
    {
      code: 'settings.invalid',
      wrong: /seed: /,
      remedy: /seed: .*<=4294967295/,
    },
  ],
  [
    'a job that does not exist',
    ['resume', 'no-such-job'],
    {
      code: 'job.not-found',
      wrong: /there is no job "no-such-job"/,
      remedy: /Its id is the name of its folder/,
    },
  ],
];

const usage = (wrong: RegExp): Refusal => ({
  status: 2,
  code: 'usage.invalid',
  wrong,
  remedy: /See .*--help/,
});
const usages: Row[] = [
  ['an unknown option', forgetHeart('--stepps', '3'), usage(/unknown option '--stepps'.*--steps/s)],
  ['an unknown command', ['errase'], usage(/unknown command 'errase'/)],
  [
    'an unknown set to train',
    forgetHeart('--train', 'attn'),
    usage(/'attn' is invalid.*full, xattn, xattn-strict, noxattn, selfattn, notime/),
  ],
  ['no steps', forgetHeart('--steps', '0'), usage(/'0' is invalid.*whole number of 1 or more/)],
  ['a learning rate of 0', forgetHeart('--lr', '0'), usage(/--lr <x>.*above 0/)],
  [
    'an unknown device',
    ['erase', '--model', 'x', '--device', 'tpu'],
    usage(/'tpu' is invalid.*webgpu/),
  ],
  [
    'no model',
    ['erase', '--forget', 'a heart'],
    usage(/required option '--model <file>' not specified/),
  ],
  [
    'an option without its value',
    eraseTiny('--forget'),
    usage(/--forget <prompt\.\.\.>' argument missing/),
  ],
  [
    'half a judge',
    [
      ...['evaluate', '--before', 'tiny-sd.safetensors', '--after', 'tiny-sd.safetensors'],
      ...['--forget', 'a heart', '--judge', 'judge.onnx'],
    ],
    {
      status: 2,
      code: 'usage.invalid',
      wrong: /a judge needs its classifier and what to look for: --judge FILE\.onnx --judge-class/,
      remedy: /See --help/,
    },
  ],
  ['no job', ['resume'], usage(/missing required argument 'job'/)],
  [
    'a variable without a preset',
    forgetHeart('--set', 'artist=x'),
    {
      status: 2,
      code: 'usage.invalid',
      wrong: /"artist" is the variable of a preset, .* Choose it with --preset/,
      remedy: /--preset/,
    },
  ],
  [
    'options of two rules',
    forgetHeart('--rule', 'constant', '--eta', '1'),
    {
      status: 2,
      code: 'usage.invalid',
      wrong: /--eta does not belong to the rule "constant"/,
      remedy: /takes --lambda/,
    },
  ],
];

describe.each([
  ['A model', models],
  ['A picture', pictures],
  ['A request with', requests],
  ['A command line with', usages],
])('%s', (_, rows) => {
  it.each(rows)('%s', async (_what, args, refusal) => {
    const plain = await callCli(args, folder);
    const json = await callCli([...args, '--json'], folder);
    expectRefusal({ plain, json }, refusal);
    expect(listFiles(), 'files left behind').toEqual(filesBefore);
  });
});

it('A process of its own answers the same, with its exit status', async () => {
  const args = eraseFrom('half');
  const [plain, json] = await Promise.all([
    runCli(args, folder),
    runCli([...args, '--json'], folder),
  ]);
  expectRefusal({ plain, json }, damaged(/it was cut off/));
});

it('No command at all: the commands are listed', async () => {
  const { status, stdout, stderr } = await callCli([], folder);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(/Usage: erase-concept.*Commands:.*erase .*resume /s);
});

function expectRefusal({ plain, json }: { plain: CliResult; json: CliResult }, refusal: Refusal) {
  const { status = 3, code, wrong, remedy } = refusal;
  expect(plain, plain.stderr).toMatchObject({ status, stdout: '' });
  expect(plain.stderr).toMatch(wrong);
  expect(plain.stderr).toMatch(remedy);
  // Sentences, no stack of calls.
  expect(plain.stderr).not.toMatch(/\n\s+at |undefined|\[object|[^.]\.\.[^.]/);

  expect(json, json.stdout).toMatchObject({ status, stderr: '' });
  const [error, ...more] = parseEvents(json.stdout);
  expect(more).toEqual([]);
  const message = expect.stringMatching(wrong) as string;
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string;
  expect({ ...error, remedy: null }).toEqual({ event: 'error', code, message, time, remedy: null });
  expect(error?.message).toMatch(remedy);
  if (status === 3) expect(plain.stderr).toBe(`erase-concept: ${String(error?.message)}\n`);
}

describe.skipIf(!smallDisk)('A full disk', () => {
  it.each([
    ['for the model', ['--out', 'small-disk/new.safetensors'], /the scrubbed model needs/, /--out/],
    ['for the state', ['--data', 'small-disk/data'], /the job's state needs/, /--data/],
  ])('%s', async (_, option, wrong, remedy) => {
    const disk = path.join(folder, 'small-disk');
    const wrapper = [...(smallDisk ?? []), disk];
    const args = forgetHeart(...option);
    const [plain, json] = await Promise.all(
      [args, [...args, '--json']].map((given) => startCli(given, { folder, wrapper }).ended),
    );
    expectRefusal({ plain: plain!, json: json! }, { code: 'output.no-space', wrong, remedy });
    expect(listFiles(), 'files left behind').toEqual(filesBefore);
  });
});
