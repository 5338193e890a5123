import { readLora } from '../adapters/low-rank/read-lora.ts';
import { mergeLora } from '../erase/merge-lora.ts';
import { openCheckpoint } from '../families/checkpoint.ts';
import { answerQuestion } from '../processes/ask-process.ts';
import type { MergeQuestion } from './merged-models.ts';

// The program of a process that merges a LoRA, which reads and writes gigabytes: it answers what a person
// should know of the new checkpoint.
answerQuestion(async (question) => {
  const { model, lora: file, ...merging } = question as MergeQuestion;
  const checkpoint = await openCheckpoint(model);
  try {
    const lora = await readLora(file, checkpoint);
    // Who waits no longer ends the process.
    const { signal } = new AbortController();
    return await mergeLora(checkpoint, { ...merging, lora, path: file, signal });
  } finally {
    await checkpoint.close();
  }
});
