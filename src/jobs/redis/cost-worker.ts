import { costOfRun } from '../../erase/run-cost.ts';
import { openCheckpoint } from '../../families/checkpoint.ts';
import { familyOf } from '../../families/registry.ts';
import { answerQuestion } from '../../processes/ask-process.ts';
import type { JobDraft } from '../request/job-draft.ts';
import type { Cost } from './lanes.ts';

// The program of the process that finds out what a job needs: its graph is built for that.
answerQuestion(async (question): Promise<Cost> => {
  const { model, vae, embeddings, settings, device } = question as JobDraft;
  const prediction = settings.prediction ?? undefined;
  const checkpoint = await openCheckpoint(model, prediction, { vae, embeddings });
  try {
    const { memoryBytes } = await costOfRun(checkpoint, settings, {
      // Whichever it will be, none takes more than the processor, which computes in 32 bits.
      device: device === 'auto' ? 'cpu' : device,
      // Neither makes a difference to the memory of a training.
      prompts: { forget: 0, retain: 0 },
      drawnPictures: 0,
    });
    return { family: familyOf(checkpoint.file).id, memoryBytes };
  } finally {
    await checkpoint.close();
  }
});
