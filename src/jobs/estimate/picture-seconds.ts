import { companionsOf } from '../../erase/companions.ts';
import type { EraseJob } from '../../erase/job.ts';
import { askProcess } from '../../processes/ask-process.ts';
import { ESTIMATE_TIMEOUT_MS, estimateWorker, freeMemory } from './estimate.ts';
import type { RunAnswer, RunQuestion } from './estimate-run.ts';

/**
 * Seconds that a job's training process will take for each picture of its sets, by what was measured
 * on this machine: see `estimateRun`.
 *
 * @throws the signal's reason; AppError `device.*`, `checkpoint.*`
 */
export async function pictureSeconds(
  job: EraseJob,
  { dataFolder, signal }: { readonly dataFolder: string; readonly signal: AbortSignal },
): Promise<number> {
  const { model, settings, device, threads, forget, retain } = job;
  const question: RunQuestion = {
    model: model.path,
    companions: companionsOf(job),
    variants: [settings],
    extent: {
      prompts: { forget: forget.length, retain: retain.length },
      drawnPictures: 1,
    },
    device,
    threads,
    dataFolder,
    freeBytes: freeMemory(device),
  };
  const { costs, rate } = (await askProcess(estimateWorker, question, {
    timeoutMs: ESTIMATE_TIMEOUT_MS,
    purpose: 'estimating how long a picture takes',
    signal,
  })) as RunAnswer;
  return (costs[0]?.picture ?? Number.NaN) / rate;
}
