import type { Checkpoint } from '../families/checkpoint.ts';
import { generationOf } from '../drawing/drawing.ts';
import { otherClipSkip } from '../drawing/other-clip-skip.ts';
import { modelTitle } from '../checkpoint/output-path.ts';
import { elementAt } from '../element-at.ts';
import { AppError } from '../errors.ts';
import { encodeGeneratedPng } from '../images/generated-png.ts';
import type { PixelImage } from '../images/pixels.ts';
import { thumbnailOfFile } from '../images/thumbnail.ts';
import { requireClassifier } from '../evaluation/classifier/classifier.ts';
import type { ClassifierChoice } from '../evaluation/classifier/classifier-choice.ts';
import { byConcept } from '../evaluation/by-concept.ts';
import { evaluate } from '../evaluation/evaluate.ts';
import type { EvaluationPicture, Probe } from '../evaluation/pictures.ts';
import { chooseProbes } from './choose-probes.ts';
import { comparedPromptsOf, comparisonSeed } from './compared-pictures.ts';
import { drawStrengths, missingStrengths } from './draw-strengths.ts';
import { givenPictures } from './given-pictures.ts';
import type { EraseJob } from './job.ts';
import { openResult } from './open-result.ts';
import type { RunIo } from './run-io.ts';
import { methodOf } from '../methods/registry.ts';
import { SampleFolder } from './sample-folder.ts';

/**
 * Draws the same pictures with the original and with the job's result, keeps them and tells what
 * they show; some also at other strengths, where the change has one. A device that fails does not undo the
 * result: then it is told that there is no evaluation.
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
  const samples = new SampleFolder(folder, io);
  const isEvaluated = io.past.some(({ event }) => event === 'evaluation');
  const missing = await missingStrengths(job, { samples, steps });
  if (isEvaluated && missing.length === 0) return;
  io.onEvent({ event: 'phase', phase: 'evaluate' });
  if (!isEvaluated) await compareModels(before, job, { samples, steps, io });
  if (missing.length === 0) return;
  try {
    await drawStrengths(before, job, missing, { samples, steps, io });
  } catch (error) {
    if (io.signal.aborted || !(error instanceof AppError)) throw error;
    const message = `The LoRA could not be drawn with at other strengths: ${error.message} The result is whole.`;
    io.onEvent({ event: 'notice', message });
  }
}

/** Where the pictures of both models go, and what made the result. */
interface ComparisonPlace {
  readonly samples: SampleFolder;
  readonly steps: number;
  readonly io: RunIo;
}

async function compareModels(
  before: Checkpoint,
  job: EraseJob,
  place: ComparisonPlace,
): Promise<void> {
  const { io } = place;
  const after = await openResult(before, job);
  try {
    const judged = await evaluateChosen(before, after, job, place);
    const concepts = byConcept(judged.prompts, job.concepts);
    const evaluation = { ...judged, ...(concepts.length > 0 && { concepts }) };
    io.onEvent({ event: 'evaluation', evaluation });
  } catch (error) {
    if (!(error instanceof AppError && error.code.startsWith('device.'))) throw error;
    const message = `The result could not be evaluated: ${error.message} The scrubbed model is whole.`;
    io.onEvent({ event: 'notice', message });
  } finally {
    // A LoRA lies on top of the original, which others close.
    if (after.file !== before.file) await after.close();
  }
}

async function evaluateChosen(
  before: Checkpoint,
  after: Checkpoint,
  job: EraseJob,
  { samples, steps, io }: ComparisonPlace,
) {
  const { settings, device, threads } = job;
  const chosen = comparedPromptsOf(job);
  const probes = await probesFor(before, job, io);
  const publish = async (
    { role, group, number: place, prompt, seed }: EvaluationPicture,
    which: 'before' | 'after',
    png: Buffer,
  ) => {
    const isOwn = group === role;
    const number = isOwn ? elementAt<{ readonly index: number }>(chosen[role], place).index : place;
    const step = which === 'before' ? 0 : steps;
    await samples.publish({ role, number, prompt, seed }, { which, step }, png);
  };
  const started = performance.now();
  return evaluate(
    before,
    after,
    {
      forget: chosen.forget.map(({ item }) => item),
      retain: chosen.retain.map(({ item }) => item),
      probes,
      given: await givenThumbnails(job),
      classifiers: await usableJudges(job, io),
      count: settings.evaluationPictures,
      seed: comparisonSeed(settings),
      drawing: settings,
      otherClipSkip: otherClipSkip(before, settings),
      device,
      threads,
    },
    {
      signal: io.signal,
      onProgress: (done, total) => {
        const etaSeconds = ((performance.now() - started) / 1000 / done) * (total - done);
        io.onEvent({ event: 'evaluating', done, total, etaSeconds });
      },
      onPictures: async (pair) => {
        // Of what is drawn with another negative prompt only the figures are kept.
        if (pair.negative !== undefined) return;
        for (const which of ['before', 'after'] as const) {
          const { prompt, seed } = pair;
          const model = modelTitle(which === 'before' ? job.model.path : job.output);
          const parameters = { ...generationOf(settings, prompt), seed, model };
          const png = await encodeGeneratedPng(pair[which], parameters);
          await publish(pair, which, png);
        }
      },
    },
  );
}

/** What is drawn beside the job's own prompts: a vocabulary that cannot be read keeps nobody from the rest. */
async function probesFor(before: Checkpoint, job: EraseJob, io: RunIo): Promise<Probe[]> {
  try {
    return await chooseProbes(before, job);
  } catch (error) {
    if (!(error instanceof AppError) || error.code.startsWith('device.')) throw error;
    const message = `Only the job's own prompts are compared: ${error.message}`;
    io.onEvent({ event: 'notice', message });
    return [];
  }
}

/** The job's judges, but for those whose files were there when it was made and are not what they were. */
async function usableJudges({ judges }: EraseJob, io: RunIo): Promise<ClassifierChoice[]> {
  const usable: ClassifierChoice[] = [];
  for (const judge of judges) {
    try {
      await requireClassifier(judge);
      usable.push(judge);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const message = `The classifier ${judge.name} does not judge the result: ${error.message}`;
      io.onEvent({ event: 'notice', message });
    }
  }
  return usable;
}

/** The pictures that shall not come back, small; none where a concept is forgotten. */
async function givenThumbnails(job: EraseJob): Promise<PixelImage[]> {
  if (methodOf(job.settings).forgets !== 'pictures') return [];
  const images = await givenPictures(job);
  return Promise.all(images.map(({ file }) => thumbnailOfFile(file)));
}
