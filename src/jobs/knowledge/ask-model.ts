import { type ChosenLora, withLoras } from '../../adapters/low-rank/with-loras.ts';
import { requireFiniteWeights } from '../../checkpoint/nan-scan.ts';
import type { PredictionWish } from '../../diffusion/prediction-reading.ts';
import type { Drawing } from '../../drawing/drawing.ts';
import { guessFromPrompts, joinGuesses } from '../../drawing/drawing-guess.ts';
import { guessDrawing } from '../../drawing/guess.ts';
import { deriveConcept } from '../../erase/anchors.ts';
import { checkSyntax } from '../../erase/prompt-syntax.ts';
import { AppError } from '../../errors.ts';
import {
  askKnowledge,
  type KnowledgeSettings,
  type KnownPrompt,
} from '../../evaluation/knowledge/ask-knowledge.ts';
import {
  openCheckpoint,
  requireErasable,
  requireGuidable,
  requireSizeFits,
} from '../../families/checkpoint.ts';
import type { Companions } from '../../families/companions.ts';
import { drawingOf, sizeFacts } from '../../methods/default-settings.ts';
import type { Device } from '../../runtime/device.ts';
import { chooseDevice } from '../../runtime/probe-device.ts';

/** What a model is asked, whoever asks. */
export interface ModelQuestion extends Pick<
  KnowledgeSettings,
  'prompts' | 'count' | 'seed' | 'threads'
> {
  /** Pictures of each prompt, in the place of drawn ones. */
  readonly given?: KnowledgeSettings['given'] | undefined;
  /** Its path. */
  readonly model: string;
  readonly prediction?: PredictionWish | undefined;
  readonly companions: Companions;
  readonly baseLoras: readonly ChosenLora[];
  /** Words that stand in each of the prompts; undefined: what they share. */
  readonly concept?: string | undefined;
  /** Where it differs from what is guessed. */
  readonly drawing: Partial<Drawing>;
  readonly device: Device | 'auto';
}

/** Who is told of it on the way. */
export interface QuestionIo {
  readonly onRemark: (event: 'warning' | 'notice', message: string) => void;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Opens a model and asks whether it knows what prompts ask for (`askKnowledge`).
 *
 * @throws AppError `prompt.invalid`, `settings.invalid`, `checkpoint.*`, `model.*`, `lora.invalid`, `device.*`
 */
export async function askModel(
  { prompts, given, count, seed, threads, ...question }: ModelQuestion,
  { onRemark, onProgress }: QuestionIo,
): Promise<KnownPrompt[]> {
  if (prompts.some((text) => text.trim() === '')) {
    throw new AppError('prompt.invalid', 'a prompt is empty. Give one or more words.');
  }
  for (const message of checkSyntax(prompts)) onRemark('warning', message);
  const concept = namedIn(prompts, question.concept);
  const checkpoint = await openCheckpoint(question.model, question.prediction, question.companions);
  try {
    requireErasable(checkpoint);
    await requireFiniteWeights(checkpoint.file, checkpoint.facts.tensors);
    const { facts } = checkpoint;
    const guess = joinGuesses(guessDrawing(checkpoint), guessFromPrompts(prompts));
    const drawing = {
      ...drawingOf({ ...sizeFacts(checkpoint), drawing: guess.draws }),
      ...question.drawing,
    };
    requireSizeFits(checkpoint, drawing);
    requireGuidable(checkpoint, drawing);
    for (const message of facts.prediction.remarks) onRemark('notice', message);
    return await askKnowledge(
      await withLoras(checkpoint, question.baseLoras),
      {
        ...{ prompts, concept, count, seed, drawing, threads },
        ...(given && { given }),
        device: await chooseDevice(question.device),
      },
      { signal: new AbortController().signal, onProgress },
    );
  } finally {
    await checkpoint.close();
  }
}

/**
 * The words of all prompts that other names can take the place of.
 *
 * @throws AppError `prompt.invalid` where a prompt has none
 */
function namedIn(prompts: readonly string[], given: string | undefined): string {
  const concept = given ?? deriveConcept(prompts);
  const without = prompts.find((text) => !text.toLowerCase().includes(concept.toLowerCase()));
  if (concept !== '' && without === undefined) return concept;
  const lacking = without === undefined ? 'no words are shared' : `"${without}" does not have them`;
  throw new AppError(
    'prompt.invalid',
    `which words of the prompts name what is asked for${given === undefined ? ' is not known' : `, "${given}" does not say`}: ${lacking}.`,
    {
      remedy: {
        advice: 'Say it, in words that stand in each prompt,',
        settings: [{ setting: 'concept' }],
      },
    },
  );
}
