import path from 'node:path';
import { InvalidArgumentError, Option } from 'commander';

import { predictionWishes } from '../diffusion/prediction-reading.ts';
import { type Device, devices } from '../runtime/device.ts';
import { wholeNumber, webAddress } from './parse-option.ts';

export const jsonOption = (): Option =>
  new Option('--json', 'print one JSON object a line on standard output, and nothing else there');

/** @param defaultFolder null: it has to be given, which `createProgram` sees to */
export const dataOption = (defaultFolder: string | null): Option =>
  new Option('--data <folder>', 'folder of jobs, and of your own presets and judges')
    .argParser((folder) => path.resolve(folder))
    .default(defaultFolder ?? undefined);

export const deviceOption = (): Option =>
  new Option('--device <name>', 'auto takes the fastest in a short measurement')
    .choices(['auto', ...devices])
    .argParser(deviceName)
    .default('auto');

function deviceName(text: string): Device | 'auto' {
  const found = (['auto', ...devices] as const).find((name) => name === text);
  if (found !== undefined) return found;
  const [device = ''] = text.split(':');
  throw new InvalidArgumentError(
    (devices as readonly string[]).includes(device)
      ? `ONNX Runtime's package for Node has no number for one of several cards. Start a worker for each card where it sees only that one, such as a container: "Several cards" in docs/many-machines.md.`
      : `Allowed choices are auto, ${devices.join(', ')}.`,
  );
}

export const predictionOption = (): Option =>
  new Option(
    '--prediction <what>',
    'what the model predicts: epsilon (noise), v, or v-ztsnr (v, its schedule ending in pure noise) (default: what its files say)',
  ).choices(predictionWishes);

export const threadsOption = (): Option =>
  new Option('--threads <n>', 'threads on the CPU (default: one per core)').argParser(
    wholeNumber(1),
  );

export const hostUrlOption = (): Option =>
  new Option(
    '--host-url <url>',
    'address of the web UI; the user:password of its API, if it has one, stand in ERASE_CONCEPT_HOST_AUTH',
  ).argParser(webAddress);
