import { openCheckpoint } from '../../families/checkpoint.ts';
import { anyPrediction } from '../../diffusion/prediction-reading.ts';
import { suggest } from '../../erase/suggest.ts';
import { answerQuestion } from '../../processes/ask-process.ts';
import type { SuggestQuestion } from './suggest-prompts.ts';

answerQuestion(async (question) => {
  const { model, threads, ...request } = question as SuggestQuestion;
  const checkpoint = await openCheckpoint(model, anyPrediction);
  return suggest(checkpoint, request, { device: 'cpu', threads });
});
