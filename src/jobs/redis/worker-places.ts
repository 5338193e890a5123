import path from 'node:path';

import { resultFolderOf } from '../../checkpoint/output-path.ts';
import type { JobDraft } from '../request/job-draft.ts';
import type { Input } from './inputs.ts';
import type { MovedPlace } from './places.ts';

/** Where results lie in the job's folder of a worker. */
const RESULT = 'result';
const LORAS = 'loras';
export const resultFolders = [RESULT, LORAS] as const;

/** Whether a file of a job is a result, which goes to where it was asked for; the name it has there. */
export function resultNameOf(
  name: string,
): { folder: typeof RESULT | typeof LORAS; name: string } | null {
  const [folder = '', ...rest] = name.split('/');
  return folder === RESULT || folder === LORAS ? { folder, name: rest.join('/') } : null;
}

/** Where an input lies in the job's folder of a worker, by its number. */
export const inputFolder = (number: number) => `inputs/${number}`;

/** Where the server that made a job wants its results. @param draft as it is kept */
function placesOfResults(
  draft: Pick<JobDraft, 'model' | 'output' | 'outputFolder' | 'loraFolder'>,
): { readonly result: string; readonly loras: string | null } {
  const { model, output, outputFolder, loraFolder } = draft;
  const result = output === null ? (outputFolder ?? resultFolderOf(model)) : path.dirname(output);
  return { result, loras: loraFolder };
}

/** What lies elsewhere at the server, and where in the job's folder here. */
export function movedPlaces(
  draft: Pick<JobDraft, 'model' | 'output' | 'outputFolder' | 'loraFolder'>,
  inputs: readonly Input[],
): MovedPlace[] {
  const { result, loras } = placesOfResults(draft);
  // The inputs first: a result may go to the folder that they are in.
  return [
    ...inputs.map((input, i) => ({
      kept: input.path,
      name: `${inputFolder(i)}/${path.basename(input.path)}`,
    })),
    { kept: result, name: RESULT },
    ...(loras === null ? [] : [{ kept: loras, name: LORAS }]),
  ];
}
