import type { JobDraft } from '../request/job-draft.ts';
import { nameWithin } from './places.ts';

type Given = Pick<JobDraft, 'forgetImages' | 'retainImages' | 'concepts' | 'embeddings'>;

/**
 * Which files of a job's folder it was made with; all others were made by working on it.
 *
 * @param draft its paths as they are here
 * @returns asks so of a name within the folder, with `/`
 */
export function givenIn(folder: string, draft: Given): (name: string) => boolean {
  const { forgetImages, retainImages, concepts, embeddings } = draft;
  const given = [forgetImages, retainImages, ...concepts.map(({ images }) => images), ...embeddings]
    .filter((file) => file !== null)
    .map((file) => nameWithin(folder, file));
  return (name) =>
    given.some((one) => one !== null && (name === one || name.startsWith(`${one}/`)));
}
