import type { Checkpoint } from '../families/checkpoint.ts';
import { asDrawn } from '../drawing/drawing.ts';
import { elementAt } from '../element-at.ts';
import type { Painter } from '../pipeline/draw-latents.ts';
import type { EncodedPromptSet } from '../families/encoded-prompt.ts';
import { type Evaluation, summarize } from './evaluation.ts';
import type { LatentEvaluator, PictureEvaluator, PictureJudge, PicturePair } from './evaluator.ts';
import type { Measure } from './figure.ts';
import {
  drawPictures,
  type EvaluationPicture,
  type EvaluationSettings,
  listPictures,
  withPainter,
} from './pictures.ts';
import { evaluators } from './registry.ts';

export interface EvaluationIo {
  readonly signal: AbortSignal;
  readonly onPhase?: (phase: 'encode' | 'generate' | 'evaluate') => void;
  /** Pictures drawn or judged, of all there are. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Told of both pictures of each pair, in their order. */
  readonly onPictures?: (pair: PicturePair) => Promise<void>;
}

/** The latents of every picture, float32 [C, h, w] each, and what their judges said. */
interface Drawn {
  readonly before: readonly Float32Array[];
  readonly after: readonly Float32Array[];
  readonly measures: ReadonlyMap<string, readonly Measure[]>;
}

/**
 * How much of a concept was erased between two states of one model and how much else was kept. Both
 * models draw the same prompts from the same noise, each with its own text encoder; then every
 * evaluator that the settings ask for judges the pictures (`registry.ts`).
 *
 * The models are compiled one after another, each with its weights mapped from its own file: so the
 * work needs the memory of one UNet, whatever was trained, and stays on a GPU.
 *
 * @param before the original; comparable to `after` (`requireComparable`)
 * @throws the signal's reason; AppError `device.*`, `model.unsupported`, `judge.*`
 */
export async function evaluate(
  before: Checkpoint,
  after: Checkpoint,
  settings: EvaluationSettings,
  io: EvaluationIo,
): Promise<Evaluation> {
  const { otherClipSkip: clipSkip = null, drawing } = settings;
  if (clipSkip === null) return evaluateOnce(before, after, settings, io);
  // Both count as one: who watches sees them go up to one total.
  const { signal, onProgress } = io;
  const evaluation = await evaluateOnce(before, after, settings, {
    ...io,
    onProgress: (done, total) => onProgress?.(done, 2 * total),
  });
  const other = { ...settings, drawing: { ...drawing, clipSkip } };
  const { figures } = await evaluateOnce(before, after, other, {
    signal,
    onProgress: (done, total) => onProgress?.(total + done, 2 * total),
  });
  return { ...evaluation, atOtherClipSkip: { clipSkip, figures } };
}

/** The same at the clip skip that is drawn with alone. */
async function evaluateOnce(
  before: Checkpoint,
  after: Checkpoint,
  settings: EvaluationSettings,
  io: EvaluationIo,
): Promise<Evaluation> {
  const pictures = listPictures(settings);
  const asked = evaluators.filter(({ isAsked }) => isAsked(settings));
  const latentEvaluators = asked.filter((evaluator) => evaluator.sees === 'latents');
  const inFull = withDrawnWords(settings);
  const drawn = await drawAndJudge(before, after, latentEvaluators, {
    ...{ pictures: listPictures(inFull), settings: inFull, io },
  });
  const judges = new Map<PictureEvaluator, PictureJudge>();
  try {
    for (const evaluator of asked) {
      if (evaluator.sees === 'pictures') {
        judges.set(evaluator, await evaluator.open(settings));
      }
    }
    await showPairs(before, judges, { pictures, drawn, settings, io });
    const measures = asked.flatMap((evaluator) =>
      evaluator.sees === 'latents'
        ? (drawn.measures.get(evaluator.id) ?? [])
        : (judges.get(evaluator)?.measures() ?? []),
    );
    return summarize(pictures, measures);
  } finally {
    for (const judge of judges.values()) await judge.release();
  }
}

/** The same with all prompts in the words that models are asked with, whatever people read. */
function withDrawnWords(settings: EvaluationSettings): EvaluationSettings {
  const inFull = (prompt: string) => asDrawn(prompt, settings.drawing);
  return {
    ...settings,
    forget: settings.forget.map(({ prompt, anchor }) => ({
      ...{ prompt: inFull(prompt), anchor: inFull(anchor) },
    })),
    retain: settings.retain.map(inFull),
    probes: (settings.probes ?? []).map((probe) => ({
      ...probe,
      prompt: inFull(probe.prompt),
      anchor: probe.anchor === null ? null : inFull(probe.anchor),
    })),
  };
}

interface EvaluationRun {
  readonly pictures: readonly EvaluationPicture[];
  readonly settings: EvaluationSettings;
  readonly io: EvaluationIo;
}

/** Draws everything with both models; judges of latents see it while the original is in memory. */
async function drawAndJudge(
  before: Checkpoint,
  after: Checkpoint,
  latentEvaluators: readonly LatentEvaluator[],
  { pictures, settings, io }: EvaluationRun,
): Promise<Drawn> {
  io.onPhase?.('encode');
  const { device, threads, drawing } = settings;
  const { clipSkip, negative } = drawing;
  const prompts = new Set([
    ...['', negative],
    ...pictures.flatMap(({ prompt, anchor, negative }) => [prompt, anchor ?? '', negative ?? '']),
  ]);
  const encoding = { clipSkip, device, threads };
  const encodedBefore = await before.condition.encode(prompts, encoding);
  const encodedAfter = await after.condition.encode(prompts, encoding);

  io.onPhase?.('generate');
  const total = 2 * pictures.length * (1 + latentEvaluators.length);
  const progressFrom = (start: number) => (done: number) => io.onProgress?.(start + done, total);
  const draw = (
    painter: Painter,
    checkpoint: Checkpoint,
    encoded: EncodedPromptSet,
    start: number,
  ) => {
    const { signal } = io;
    const drawing = { pictures, encoded, settings, io: { signal, onDrawn: progressFrom(start) } };
    return drawPictures(painter, checkpoint, drawing);
  };
  const latentsAfter = await withPainter(after, settings, encodedAfter, (painter) =>
    draw(painter, after, encodedAfter, 0),
  );
  return withPainter(before, settings, encodedBefore, async (painter) => {
    const latentsBefore = await draw(painter, before, encodedBefore, pictures.length);
    io.onPhase?.('evaluate');
    const measures = new Map<string, readonly Measure[]>();
    for (const evaluator of latentEvaluators) {
      const onJudged = progressFrom(2 * pictures.length * (1 + measures.size));
      const said = await evaluator.judge({
        ...{ original: before, painter, encoded: encodedBefore.prompts, pictures, settings },
        ...{ before: latentsBefore, after: latentsAfter, signal: io.signal, onJudged },
      });
      measures.set(evaluator.id, said);
    }
    return { before: latentsBefore, after: latentsAfter, measures };
  });
}

/** Decodes all pictures, one pair in memory at a time, and shows them to the judges. */
async function showPairs(
  checkpoint: Checkpoint,
  judges: ReadonlyMap<PictureEvaluator, PictureJudge>,
  { pictures, drawn, settings, io }: EvaluationRun & { readonly drawn: Drawn },
): Promise<void> {
  const { device, threads } = settings;
  const { width, height } = settings.drawing;
  const decoder = await checkpoint.codec.openDecoder({ width, height, device, threads });
  try {
    for (const [i, picture] of pictures.entries()) {
      io.signal.throwIfAborted();
      const pair = {
        ...picture,
        before: await decoder.decode(elementAt(drawn.before, i)),
        after: await decoder.decode(elementAt(drawn.after, i)),
      };
      for (const [{ seesProbes = false }, judge] of judges) {
        if (seesProbes || pair.group === pair.role) await judge.see(pair);
      }
      await io.onPictures?.(pair);
    }
  } finally {
    await decoder.release();
  }
}
