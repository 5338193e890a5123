import { decodeImage } from '../../images/decode-image.ts';
import { readImageFolder } from '../../images/image-folder.ts';
import { answerQuestion } from '../../processes/ask-process.ts';
import { type DraftEnvironment, draftJob, type EraseRequest } from './draft-job.ts';

/** What the process that drafts a job with pictures is asked; it answers with the draft. */
export interface DraftQuestion {
  readonly request: EraseRequest;
  readonly environment: DraftEnvironment;
}

/** Pictures are decoded to see whether they can be, at the least size. */
const PROOF_SIZE = { width: 8, height: 8 };

// The program of that process: pictures from outside are decoded here only.
answerQuestion(async (question) => {
  const { request, environment } = question as DraftQuestion;
  const ofConcepts = (request.concepts ?? []).map(({ images }) => images);
  for (const folder of [request.forgetImages, request.retainImages, ...ofConcepts]) {
    if (folder === undefined) continue;
    for (const { file } of await readImageFolder(folder)) await decodeImage(file, PROOF_SIZE);
  }
  return draftJob(request, environment);
});
