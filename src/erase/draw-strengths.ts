import { putOnTop } from '../adapters/low-rank/put-on-top.ts';
import { readLora } from '../adapters/low-rank/read-lora.ts';
import { modelTitle } from '../checkpoint/output-path.ts';
import { asDrawn, generationOf } from '../drawing/drawing.ts';
import { elementAt } from '../element-at.ts';
import { drawPictures, withPainter } from '../evaluation/pictures.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import { encodeGeneratedPng } from '../images/generated-png.ts';
import { loraTag } from '../lora-tag.ts';
import { type StrengthPicture, strengthPictures } from './compared-pictures.ts';
import type { EraseJob } from './job.ts';
import { outputsOf } from './outputs.ts';
import type { RunIo } from './run-io.ts';
import type { SampleFolder } from './sample-folder.ts';

/** Where pictures of a job are kept, and what made its result. */
interface StrengthPlace {
  readonly samples: SampleFolder;
  /** Outer steps that made the result. */
  readonly steps: number;
  readonly io: RunIo;
}

/** What of `strengthPictures` is not there yet. */
export async function missingStrengths(
  job: EraseJob,
  { samples, steps }: Pick<StrengthPlace, 'samples' | 'steps'>,
): Promise<StrengthPicture[]> {
  const missing: StrengthPicture[] = [];
  for (const picture of strengthPictures(job)) {
    const { strength } = picture;
    if (!(await samples.has(picture, { which: 'after', step: steps, strength }))) {
      missing.push(picture);
    }
  }
  return missing;
}

/**
 * Draws pictures with a job's LoRA on top of the original, at each strength in one session.
 *
 * @throws the signal's reason; AppError `lora.invalid`, `checkpoint.*`, `device.*`
 */
export async function drawStrengths(
  original: Checkpoint,
  job: EraseJob,
  missing: readonly StrengthPicture[],
  { samples, steps, io }: StrengthPlace,
): Promise<void> {
  const file = outputsOf(job).lora;
  if (file === null) return;
  const lora = await readLora(file, original);
  const { settings: drawing, device, threads } = job;
  const prompts = new Set(['', drawing.negative, ...missing.map(promptOf(job))]);
  const { clipSkip } = drawing;
  const encoded = await original.condition.encode(prompts, { clipSkip, device, threads });
  const settings = { forget: [], retain: [], count: 1, seed: 0, drawing, device, threads };
  const latents: Float32Array[] = [];
  const started = performance.now();
  const tellDrawn = (done: number) => {
    const etaSeconds = ((performance.now() - started) / 1000 / done) * (missing.length - done);
    io.onEvent({ event: 'evaluating', done, total: missing.length, etaSeconds });
  };
  for (const strength of new Set(missing.map((picture) => picture.strength))) {
    const pictures = missing
      .filter((picture) => picture.strength === strength)
      .map((picture) => ({ ...picture, prompt: promptOf(job)(picture) }));
    const before = latents.length;
    const changed = putOnTop(original, lora, strength);
    const drawn = await withPainter(changed, settings, encoded, (painter) =>
      drawPictures(painter, changed, {
        ...{ pictures, encoded, settings },
        io: {
          signal: io.signal,
          onDrawn: (done) => {
            tellDrawn(before + done);
          },
        },
      }),
    );
    latents.push(...drawn);
  }
  const { width, height } = drawing;
  const decoder = await original.codec.openDecoder({ width, height, device, threads });
  try {
    for (const [i, picture] of missing.entries()) {
      io.signal.throwIfAborted();
      const { prompt, strength, seed } = picture;
      const tag = loraTag(lora.title, strength);
      const generation = generationOf(drawing, prompt);
      const png = await encodeGeneratedPng(await decoder.decode(elementAt(latents, i)), {
        ...generation,
        // As a web UI draws it.
        ...{ prompt: `${generation.prompt} ${tag}`, seed, model: modelTitle(job.model.path) },
      });
      await samples.publish(picture, { which: 'after', step: steps, strength }, png);
    }
  } finally {
    await decoder.release();
  }
}

/** The words that a picture's model is asked with. */
function promptOf({ settings }: EraseJob): (picture: StrengthPicture) => string {
  return ({ prompt }) => asDrawn(prompt, settings);
}
