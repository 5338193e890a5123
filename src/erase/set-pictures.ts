import path from 'node:path';

import { type EraseSettings, methodOf } from '../methods/registry.ts';
import { seedFor } from '../tensor/random.ts';
import type { PictureSize } from '../images/picture-size.ts';
import type { Role } from '../evaluation/figure.ts';
import { byConcept, inTurn } from './concepts.ts';
import type { EraseJob } from './job.ts';

/** A picture that stands for what a set says in words. */
export interface SetPicture {
  /** That it is drawn under. */
  readonly prompt: string;
  /** The prompt that it is trained with. */
  readonly caption: string;
  readonly seed: number;
  /** In pixels. */
  readonly size: PictureSize;
}

/** How many pictures the model draws for a set that none are given for. */
export function drawnCount(settings: EraseSettings, role: Role): number {
  if (role === 'retain') return 'generatedRetain' in settings ? settings.generatedRetain : 0;
  // A method that forgets given pictures draws none, nor does one that needs none.
  return 'generatedForget' in settings ? settings.generatedForget : 0;
}

/**
 * The pictures of a set that none were given for: its prompts in turn, each with its own noise. Several
 * concepts take turns, and each has as many.
 */
export function picturesOfSet(job: DrawnJob, role: Role): SetPicture[] {
  const { settings, shapes } = job;
  const subjects = role === 'retain' ? [keptSubjects(job)] : forgottenSubjects(job);
  const count = subjects.length === 0 ? 0 : drawnCount(settings, role);
  const { width, height } = settings;
  // One shape after the other: in turn, a prompt could come up in one of them only.
  const sizes = shapes.flatMap((shape) => {
    const size = { width: shape.width, height: shape.height };
    return Array.from({ length: shape[role] }, () => size);
  });
  return Array.from({ length: count }, (_, i) => ({
    ...inTurn(subjects, i),
    seed: seedFor(settings.seed, 'generate', role, i),
    size: sizes[i] ?? { width, height },
  }));
}

/** What of a job says which pictures are drawn for its sets. */
type DrawnJob = Pick<EraseJob, 'forget' | 'retain' | 'concepts' | 'settings' | 'shapes'>;

type Subject = Pick<SetPicture, 'prompt' | 'caption'>;

function keptSubjects({ retain }: DrawnJob): Subject[] {
  return retain.map((prompt) => ({ prompt, caption: prompt }));
}

/** What is drawn of each concept that no pictures are given of. */
function forgottenSubjects({ forget, concepts, settings }: DrawnJob): Subject[][] {
  const { drawsAnchors = false } = methodOf(settings);
  const isDrawn = (i: number) => concepts.length === 0 || concepts[i]?.images === null;
  return byConcept(forget, concepts)
    .filter((_, i) => isDrawn(i))
    .map((prompts) =>
      prompts.map(({ prompt, anchor }) => ({
        prompt: drawsAnchors ? anchor : prompt,
        caption: prompt,
      })),
    );
}

/**
 * Where a job has the pictures of its sets that a web UI drew, those of each set in a folder of its
 * name. The folder is there when all of them are.
 */
export const drawnFolderOf = (jobFolder: string) => path.join(jobFolder, 'drawn');
