import { isDeepStrictEqual } from 'node:util';

import { drawingNames } from '../../drawing/drawing.ts';
import { deriveAnchors, mentions } from '../../erase/anchors.ts';
import { keptByAll, type JobConcept } from '../../erase/concepts.ts';
import { formatForgetLine } from '../../erase/forget-lines.ts';
import type { EraseJob } from '../../erase/job.ts';
import {
  defaultMethod,
  type EraseSettings,
  methodOf,
  trainingOf,
  type WantedSettings,
} from '../../methods/registry.ts';
import type { PresetDraft } from '../../presets/preset.ts';

/**
 * A preset that erases as a job did, on this model or another: to be looked through, changed and
 * saved.
 *
 * @param concept what the job erased: the words its anchors were made without
 */
export function presetFromJob(
  job: EraseJob,
  { title, concept }: { title: string; concept: string },
): PresetDraft {
  return {
    title,
    description: `Takes ${concept} out of a model, as job ${job.id} did.`,
    ...(job.concepts.length > 0
      ? { concepts: job.concepts.map((one) => listed(one, job)) }
      : { concept, ...steered(job.forget, { concept, retain: job.retain }) }),
    // A preset keeps something beside the neighbours of single concepts.
    retain: [...keptByAll(job.retain, job.concepts)],
    ...(job.heldBack.length > 0 && { heldBack: job.heldBack.map(formatForgetLine) }),
    ...(job.forgetImages !== null && {
      images: {
        use: 'required',
        label: 'Pictures of what is forgotten',
        reason: `Job ${job.id} was shown pictures.`,
      },
    }),
    ...(job.judges.length > 0 && {
      judges: job.judges.map(({ name, classes }) => ({ name, classes })),
    }),
    settings: { ...changedSettings(job.settings), reason: `As job ${job.id} trained.` },
    expectation: 'See what the job made of its model.',
  };
}

/** One of several concepts; the captions of its pictures are among its prompts. */
function listed({ name, prompts, neighbours }: JobConcept, { forget, retain }: EraseJob) {
  const own = new Set(prompts);
  const lines = forget.filter(({ prompt }) => own.has(prompt));
  const concept = prompts.some((prompt) => mentions(prompt, name)) ? name : undefined;
  return {
    name,
    ...steered(lines, { concept, retain }),
    ...(neighbours.length > 0 && { neighbours }),
  };
}

/** Prompts to forget with what says their anchors: one for all, or that of a line where it is not found. */
function steered(
  lines: EraseJob['forget'],
  hints: { concept: string | undefined; retain: string[] },
) {
  const anchors = new Set(lines.map(({ anchor }) => anchor));
  const [anchor] = anchors;
  const prompts = lines.map(({ prompt }) => prompt);
  if (anchors.size === 1 && lines.length > 1) return { forget: prompts, anchor };
  const derived = deriveAnchors(prompts, hints);
  return {
    forget: lines.map((line, i) =>
      line.anchor === derived[i] ? line.prompt : formatForgetLine(line),
    ),
  };
}

/** What was trained, and all that is not the default; how it is drawn belongs to the model. */
function changedSettings(settings: EraseSettings): WantedSettings {
  const { method, width: size } = settings;
  const train = trainingOf(settings)?.train;
  // Of a small model and of a large one: what is no default of both depends on the model.
  const defaults = [64, 320].map((modelChannels) =>
    Object.entries(methodOf(settings).defaults({ train, size, modelChannels })),
  );
  const ofModel = new Set<string>(['prediction', ...drawingNames]);
  const ofErasure = Object.entries(settings).filter(([name]) => !ofModel.has(name));
  const changed = ofErasure.filter(([name, value]) =>
    defaults.some((known) => !known.some((entry) => isDeepStrictEqual(entry, [name, value]))),
  );
  return {
    ...Object.fromEntries(changed),
    ...(method !== defaultMethod && { method }),
    ...(train !== undefined && { train }),
  };
}
