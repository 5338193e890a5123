import { openCheckpoint } from '../families/checkpoint.ts';
import { suggest } from '../erase/suggest.ts';
import { answerQuestion } from '../processes/ask-process.ts';
import type { SuggestQuestion } from './suggest-prompts.ts';

answerQuestion(async (question) => {
  const { model, threads, ...request } = question as SuggestQuestion;
  // What it predicts does not matter to its words, and may not be settled yet.
  const checkpoint = await openCheckpoint(model, 'epsilon');
  return suggest(checkpoint, request, { device: 'cpu', threads });
});
