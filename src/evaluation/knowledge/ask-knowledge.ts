import { asDrawn, type Drawing, samplingOf } from '../../drawing/drawing.ts';
import { elementAt } from '../../element-at.ts';
import type { Checkpoint } from '../../families/checkpoint.ts';
import { decodeImage } from '../../images/decode-image.ts';
import { requireEncoded } from '../../families/encoded-prompt.ts';
import type { RunPlace } from '../../families/family.ts';
import { drawLatents, type Painter } from '../../pipeline/draw-latents.ts';
import { predictRows } from '../../pipeline/predict-rows.ts';
import { createGenerator, seedFor } from '../../tensor/random.ts';
import { mean } from '../figure.ts';
import { type Interval, meanInterval } from '../interval.ts';
import { withPainter } from '../pictures.ts';
import { ZeroShotJudge } from '../zero-shot/judge.ts';
import { lead } from '../zero-shot/measures.ts';
import { inventedNames } from './invented-names.ts';

/** Names that a prompt is held against. */
const names = 4;

/** What a model is asked. */
export interface KnowledgeSettings extends RunPlace {
  readonly prompts: readonly string[];
  /** Words that name what is asked for; they stand in each of the prompts, in whatever case. */
  readonly concept: string;
  /** Pictures of each prompt and of each invented name, where none are given. */
  readonly count: number;
  /** Files of pictures that show each of the prompts; undefined: the model draws them. */
  readonly given?: ReadonlyMap<string, readonly string[]>;
  readonly seed: number;
  readonly drawing: Drawing;
}

/** How well a prompt explains its own pictures. */
export interface KnownPrompt {
  readonly prompt: string;
  /**
   * How far the prompt is ahead of invented names in explaining its own pictures, as a share of the mean
   * error; about 0 for a name that means nothing to the model.
   */
  readonly lead: number;
  /** Where the true lead lies with a confidence of 95 %. */
  readonly interval: Interval;
  /** The same of the invented names, each on its own pictures. */
  readonly names: readonly { readonly prompt: string; readonly lead: number }[];
  /** Whether it is surely ahead of what any invented name reaches. */
  readonly isKnown: boolean;
}

/**
 * Whether there is anything to erase: the model draws each prompt, and the same with invented names in the
 * place of the concept's, which it cannot know; then it says under which of them each picture is explained
 * best (`ZeroShotJudge`). A name that means something is far ahead on its own pictures, one that does not is
 * no better than any other. Where pictures are given, they take the place of what the model draws of all of them:
 * only a model that has learnt the name explains them better by it.
 *
 * @throws the signal's reason; AppError `device.*`
 */
export async function askKnowledge(
  checkpoint: Checkpoint,
  settings: KnowledgeSettings,
  {
    signal,
    onProgress,
  }: { signal: AbortSignal; onProgress: (done: number, total: number) => void },
): Promise<KnownPrompt[]> {
  const { prompts, concept, seed, drawing, device, threads } = settings;
  const invented = inventedNames(names, seed);
  const groups = prompts.map((prompt) =>
    [prompt, ...invented.map((name) => withName(prompt, concept, name))].map((text) =>
      asDrawn(text, drawing),
    ),
  );
  const { clipSkip, negative } = drawing;
  const encoded = await checkpoint.condition.encode(['', negative, ...groups.flat()], {
    ...{ clipSkip, device, threads },
  });
  const given = await encodeGiven(checkpoint, settings, signal);
  const total = groups.length * (1 + names);
  let done = 0;
  return withPainter(checkpoint, settings, encoded, async (painter) => {
    const known: KnownPrompt[] = [];
    for (const [i, group] of groups.entries()) {
      const leads: number[][] = [];
      for (const text of group) {
        const others = group.filter((other) => other !== text);
        const asked = { checkpoint, painter, encoded, settings, signal };
        const latents = given?.[i] ?? (await drawPictures(text, asked));
        leads.push(await leadsOf({ text, others, latents }, asked));
        done += 1;
        onProgress(done, total);
      }
      known.push(summarize(elementAt(prompts, i), group, leads));
    }
    return known;
  });
}

/** The prompt with another name in the place of the concept's words. */
function withName(prompt: string, concept: string, name: string): string {
  const at = prompt.toLowerCase().indexOf(concept.toLowerCase());
  return prompt.slice(0, at) + name + prompt.slice(at + concept.length);
}

interface Asked {
  readonly checkpoint: Checkpoint;
  readonly painter: Painter;
  readonly encoded: Awaited<ReturnType<Checkpoint['condition']['encode']>>;
  readonly settings: KnowledgeSettings;
  readonly signal: AbortSignal;
}

/** Latents of the given pictures of each prompt, in their order; null where none are given. */
async function encodeGiven(
  { codec }: Checkpoint,
  { prompts, given, seed, drawing: { width, height }, device, threads }: KnowledgeSettings,
  signal: AbortSignal,
): Promise<Float32Array[][] | null> {
  if (!given) return null;
  const encoder = await codec.openEncoder({ width, height, device, threads });
  try {
    const encoded: Float32Array[][] = [];
    for (const prompt of prompts) {
      const latents: Float32Array[] = [];
      for (const [i, file] of (given.get(prompt) ?? []).entries()) {
        signal.throwIfAborted();
        const generator = createGenerator(seedFor(seed, 'given', i));
        const image = await decodeImage(file, { width, height });
        latents.push(await encoder.encode(image, (count) => generator.randn(count)));
      }
      encoded.push(latents);
    }
    return encoded;
  } finally {
    await encoder.release();
  }
}

function drawPictures(
  text: string,
  { checkpoint, painter, encoded: { prompts }, settings, signal }: Asked,
): Promise<Float32Array[]> {
  const { count, seed, drawing } = settings;
  const { process, condition } = checkpoint;
  const unconditional = condition.unconditional(prompts, drawing.negative);
  return drawLatents(
    painter,
    Array.from({ length: count }, (_, i) => ({
      prompt: requireEncoded(prompts, text),
      ...{ unconditional, seed: seedFor(seed, 'knows', i) },
    })),
    { ...samplingOf(drawing), process },
    { signal },
  );
}

/** Says of each picture how far a prompt is ahead of others. */
async function leadsOf(
  {
    text,
    others,
    latents,
  }: { text: string; others: readonly string[]; latents: readonly Float32Array[] },
  { checkpoint, painter, encoded: { prompts }, settings: { seed } }: Asked,
): Promise<number[]> {
  const judge = new ZeroShotJudge({
    predict: (rows) => predictRows(painter.unet, painter.parameters, rows),
    ...{ process: checkpoint.process, seed, latentSize: elementAt(latents, 0).length },
  });
  const candidates = [text, ...others].map((candidate) => requireEncoded(prompts, candidate));
  const scores = await judge.scores(latents.map((one) => ({ latents: one, candidates })));
  return scores.map(lead);
}

function summarize(
  prompt: string,
  group: readonly string[],
  [own = [], ...ofNames]: readonly number[][],
): KnownPrompt {
  const interval = meanInterval(own);
  const told = ofNames.map((leads, i) => ({
    ...{ prompt: elementAt(group, i + 1), lead: mean(leads) },
  }));
  const highest = Math.max(...told.map((name) => name.lead));
  return { prompt, lead: mean(own), interval, names: told, isKnown: interval[0] > highest };
}
