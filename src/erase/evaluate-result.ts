import { openCheckpoint, type Checkpoint } from '../checkpoint/checkpoint.ts';
import { modelTitle } from '../checkpoint/output-path.ts';
import { AppError } from '../errors.ts';
import { encodeGeneratedPng } from '../images/generated-png.ts';
import { evaluate } from './evaluate.ts';
import { evaluationSampler, type EvaluationPicture } from './evaluation-pictures.ts';
import type { EraseJob, EraseSettings } from './job.ts';
import type { RunIo } from './run-io.ts';
import { SampleFolder } from './sample-folder.ts';
import { type PromptCounts, spread, spreadCount } from './spread.ts';

/**
 * Prompts of each role that are drawn and judged: an evaluation of one picture each then costs as
 * much as drawing 16 pictures with each model and half as much again for judging them.
 */
const evaluatedPrompts = 8;
/** As many as the command `evaluate` takes. */
const samplingSteps = 20;

/** What an evaluation draws with each of the two models, and in how many steps each. */
export function evaluatedPictures(
  { evaluationPictures }: EraseSettings,
  prompts: PromptCounts,
): { readonly pictures: number; readonly samplingSteps: number } {
  return { pictures: evaluationPictures * spreadCount(prompts, evaluatedPrompts), samplingSteps };
}

/**
 * Draws the same pictures with the original and with the job's result, keeps them and tells what
 * they show. A device that fails does not undo the result: then it is told that there is no evaluation.
 *
 * @param steps outer steps that made the result
 * @throws the signal's reason; AppError `checkpoint.*`
 */
export async function evaluateResult(
  before: Checkpoint,
  job: EraseJob,
  { folder, steps, io }: { folder: string; steps: number; io: RunIo },
): Promise<void> {
  if (job.settings.evaluationPictures === 0) return;
  if (io.past.some(({ event }) => event === 'evaluation')) return;
  io.onEvent({ event: 'phase', phase: 'evaluate' });
  const after = await openCheckpoint(job.output);
  try {
    const evaluation = await evaluateChosen(before, after, job, { folder, steps, io });
    io.onEvent({ event: 'evaluation', evaluation });
  } catch (error) {
    if (!(error instanceof AppError && error.code.startsWith('device.'))) throw error;
    const message = `The result could not be evaluated: ${error.message} The scrubbed model is whole.`;
    io.onEvent({ event: 'notice', message });
  } finally {
    await after.file.close();
  }
}

async function evaluateChosen(
  before: Checkpoint,
  after: Checkpoint,
  job: EraseJob,
  { folder, steps, io }: { folder: string; steps: number; io: RunIo },
) {
  const { settings, device, threads } = job;
  const chosen = {
    forget: spread(job.forget, evaluatedPrompts),
    retain: spread(job.retain, evaluatedPrompts),
  };
  const samples = new SampleFolder(folder, io);
  const { guidanceScale, size } = settings;
  const publish = async (picture: EvaluationPicture, which: 'before' | 'after', png: Buffer) => {
    const number = chosen[picture.role][picture.number]?.index ?? picture.number;
    const step = which === 'before' ? 0 : steps;
    await samples.publish({ ...picture, number }, { which, step }, png);
  };
  const started = performance.now();
  return evaluate(
    before,
    after,
    {
      forget: chosen.forget.map(({ item }) => item),
      retain: chosen.retain.map(({ item }) => item),
      count: settings.evaluationPictures,
      // Other noise than that of the previews: a picture of the same name would be another one.
      seed: (settings.seed + 1) % 2 ** 32,
      steps: samplingSteps,
      guidanceScale,
      size,
      device,
      threads,
    },
    {
      signal: io.signal,
      onProgress: (done, total) => {
        const etaSeconds = ((performance.now() - started) / 1000 / done) * (total - done);
        io.onEvent({ event: 'evaluating', done, total, etaSeconds });
      },
      onPictures: async (picture, images) => {
        for (const which of ['before', 'after'] as const) {
          const { prompt, seed } = picture;
          const model = modelTitle(which === 'before' ? job.model.path : job.output);
          const drawing = { sampler: evaluationSampler, steps: samplingSteps, guidanceScale };
          const png = await encodeGeneratedPng(images[which], { prompt, seed, model, ...drawing });
          await publish(picture, which, png);
        }
      },
    },
  );
}
