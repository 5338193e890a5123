import path from 'node:path';

import { type EraseSettings, methodOf } from '../methods/registry.ts';
import { elementAt } from '../element-at.ts';
import { seedFor } from '../tensor/random.ts';
import type { PictureSize } from '../images/picture-size.ts';
import type { Role } from '../evaluation/figure.ts';
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

/** The pictures of a set that none were given for: its prompts in turn, each with its own noise. */
export function picturesOfSet(
  { forget, retain, settings, shapes }: Pick<EraseJob, 'forget' | 'retain' | 'settings' | 'shapes'>,
  role: Role,
): SetPicture[] {
  const { drawsAnchors = false } = methodOf(settings);
  const subjects =
    role === 'retain'
      ? retain.map((prompt) => ({ prompt, caption: prompt }))
      : forget.map(({ prompt, anchor }) => ({
          prompt: drawsAnchors ? anchor : prompt,
          caption: prompt,
        }));
  const count = drawnCount(settings, role);
  const { width, height } = settings;
  // One shape after the other: in turn, a prompt could come up in one of them only.
  const sizes = shapes.flatMap((shape) => {
    const size = { width: shape.width, height: shape.height };
    return Array.from({ length: shape[role] }, () => size);
  });
  return Array.from({ length: count }, (_, i) => ({
    ...elementAt(subjects, i % subjects.length),
    seed: seedFor(settings.seed, 'generate', role, i),
    size: sizes[i] ?? { width, height },
  }));
}

/**
 * Where a job has the pictures of its sets that a web UI drew, those of each set in a folder of its
 * name. The folder is there when all of them are.
 */
export const drawnFolderOf = (jobFolder: string) => path.join(jobFolder, 'drawn');
