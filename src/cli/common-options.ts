import path from 'node:path';
import { Option } from 'commander';

import { predictionWishes } from '../diffusion/prediction-reading.ts';
import { devices } from '../runtime/device.ts';
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
    .default('auto');

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
