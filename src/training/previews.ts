import type { Checkpoint } from '../families/checkpoint.ts';
import { modelTitle } from '../checkpoint/output-path.ts';
import { encodeGeneratedPng } from '../images/generated-png.ts';
import { decodePng } from '../images/png.ts';
import { asDrawn, type Drawing, generationOf, samplingOf } from '../drawing/drawing.ts';
import { requireEncoded } from '../families/encoded-prompt.ts';
import { drawLatents } from '../pipeline/draw-latents.ts';
import type { UnetSession } from '../pipeline/unet-session.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import type { Dataset } from './dataset.ts';
import type { SampleEvent } from '../erase/events.ts';
import type { EraseJob, TrainingJob } from '../erase/job.ts';
import { type EraseSettings, trainingOf } from '../methods/registry.ts';
import { areRuined } from './picture-guard.ts';
import type { SampleFolder, SampleSubject } from '../erase/sample-folder.ts';
import { type PromptCounts, spread, spreadCount } from '../erase/spread.ts';

/** Prompts of each role: enough to see a trend, few enough to cost about as much as a few steps. */
const previewPrompts = 3;
/** Of a picture that is only looked at, at most. */
const mostSteps = 8;

interface PreviewTools {
  readonly checkpoint: Checkpoint;
  readonly job: TrainingJob;
  readonly unet: UnetSession;
  readonly dataset: Dataset;
  readonly samples: SampleFolder;
  readonly signal: AbortSignal;
}

/** What the previews of a run draw, and in how many steps each. */
export function previewPictures(
  settings: EraseSettings,
  prompts: PromptCounts,
): { readonly pictures: number; readonly samplingSteps: number } {
  const { steps: trainingSteps, sampleEvery } = trainingOf(settings) ?? {
    steps: 0,
    sampleEvery: 0,
  };
  const times = sampleEvery === 0 ? 0 : Math.ceil(trainingSteps / sampleEvery) + 1;
  const pictures = times * spreadCount(prompts, previewPrompts);
  return { pictures, samplingSteps: previewed(settings).drawSteps };
}

/** How previews are drawn: as everything is, in fewer steps where it takes many. */
function previewed(settings: EraseSettings): Drawing {
  return { ...settings, drawSteps: Math.min(mostSteps, settings.drawSteps) };
}

/**
 * The same few pictures of forgotten and kept prompts, from the same noise, by the model as it is at
 * chosen steps of its training. Drawing them changes nothing of the training.
 */
export class Previews {
  private readonly tools: PreviewTools;
  private readonly subjects: readonly SampleSubject[];
  /** Of the last ones that were drawn. */
  private seconds = 0;

  constructor(tools: PreviewTools) {
    this.tools = tools;
    this.subjects = previewSubjects(tools.job);
  }

  /** Before the first step, every `sampleEvery` steps and after the last. */
  isDue(step: number): boolean {
    const { sampleEvery, steps } = this.tools.job.settings;
    return sampleEvery > 0 && (step % sampleEvery === 0 || step === steps);
  }

  /** How long those that are due at that step and later will take. */
  secondsLeft(step: number): number {
    const { sampleEvery, steps } = this.tools.job.settings;
    if (sampleEvery === 0) return 0;
    return this.seconds * (Math.ceil(steps / sampleEvery) - Math.floor((step - 1) / sampleEvery));
  }

  /**
   * Draws what was not drawn before, keeps it and tells of it.
   *
   * @returns whether the pictures of kept prompts are ruined: see `areRuined`. Then they are not
   *   shown as those of the result.
   * @throws the signal's reason
   */
  async show(
    which: SampleEvent['which'],
    step: number,
    parameters: TensorSet,
  ): Promise<'good' | 'ruined'> {
    const pngs = (await this.find(step)) ?? (await this.draw(step, parameters));
    const isRuined = await this.areRuined(pngs);
    const moment = { which: isRuined && which === 'after' ? 'during' : which, step } as const;
    for (const [i, subject] of this.subjects.entries()) {
      const png = pngs[i];
      if (png) await this.tools.samples.publish(subject, moment, png);
    }
    return isRuined ? 'ruined' : 'good';
  }

  /** All pictures of a step; null where one is missing. */
  private async find(step: number): Promise<Buffer[] | null> {
    const found: Buffer[] = [];
    for (const subject of this.subjects) {
      const png = await this.tools.samples.find(subject, step);
      if (!png) return null;
      found.push(png);
    }
    return found;
  }

  private async draw(step: number, parameters: TensorSet): Promise<Buffer[]> {
    const started = performance.now();
    const { checkpoint, job, unet, dataset, signal } = this.tools;
    const drawing = previewed(job.settings);
    const { process, condition } = checkpoint;
    const unconditional = condition.unconditional(dataset.prompts, drawing.negative);
    const latents = await drawLatents(
      { unet, parameters },
      this.subjects.map(({ prompt, seed }) => ({
        prompt: requireEncoded(dataset.prompts, asDrawn(prompt, drawing)),
        unconditional,
        seed,
      })),
      { ...samplingOf(drawing), process },
      { signal },
    );
    const { device, threads } = job;
    // Not kept: at SD 1.5's size it takes 2 s to open and up to 1.4 GB while it decodes 512 × 512.
    const { width, height } = drawing;
    const decoder = await checkpoint.codec.openDecoder({ width, height, device, threads });
    try {
      const pngs: Buffer[] = [];
      for (const [i, { prompt, seed }] of this.subjects.entries()) {
        const image = await decoder.decode(latents[i] ?? new Float32Array());
        const model = modelTitle(step === 0 ? job.model.path : job.output);
        const parameters = { ...generationOf(drawing, prompt), seed, model };
        pngs.push(await encodeGeneratedPng(image, parameters));
      }
      this.seconds = (performance.now() - started) / 1000;
      return pngs;
    } finally {
      await decoder.release();
    }
  }

  /** Judged by the files' pixels, so that a resumed run judges as one that was not interrupted. */
  private async areRuined(pngs: readonly Buffer[]): Promise<boolean> {
    const before = await this.find(0);
    const kept = (all: readonly Buffer[] | null) =>
      Promise.all((all ?? []).filter((_, i) => this.subjects[i]?.role === 'retain').map(decodePng));
    return areRuined(await kept(before), await kept(pngs));
  }
}

/** The pictures of a job, spread over its prompts, all with the job's seed. */
function previewSubjects({ forget, retain, settings: { seed } }: EraseJob): SampleSubject[] {
  const ofRole = (role: SampleSubject['role'], prompts: readonly string[]) =>
    spread(prompts, previewPrompts).map(({ item, index }) => ({
      role,
      number: index,
      prompt: item,
      seed,
    }));
  const forgotten = forget.map(({ prompt }) => prompt);
  return [...ofRole('forget', forgotten), ...ofRole('retain', retain)];
}
