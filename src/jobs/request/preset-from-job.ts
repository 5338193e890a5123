import { isDeepStrictEqual } from 'node:util';

import { drawingNames } from '../../drawing/drawing.ts';
import { deriveAnchors } from '../../erase/anchors.ts';
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
  const anchors = new Set(job.forget.map(({ anchor }) => anchor));
  const [anchor] = anchors;
  const isFixed = anchors.size === 1 && job.forget.length > 1;
  const prompts = job.forget.map(({ prompt }) => prompt);
  const derived = deriveAnchors(prompts, { concept, retain: job.retain });
  return {
    title,
    description: `Takes ${concept} out of a model, as job ${job.id} did.`,
    concept,
    forget: isFixed
      ? prompts
      : job.forget.map((line, i) =>
          line.anchor === derived[i] ? line.prompt : formatForgetLine(line),
        ),
    retain: job.retain,
    ...(job.heldBack.length > 0 && { heldBack: job.heldBack.map(formatForgetLine) }),
    ...(isFixed && { anchor }),
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
