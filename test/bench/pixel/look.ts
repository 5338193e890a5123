import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { replaceFile } from '../../../src/checkpoint/atomic-file.ts';
import { pathExists } from '../../../src/checkpoint/output-path.ts';
import { openCheckpoint } from '../../../src/families/checkpoint.ts';
import type { PixelImage } from '../../../src/images/pixels.ts';
import { drawPictures } from '../../../src/pipeline/text-to-image.ts';
import type { PixelJudge, Sighting } from './judge.ts';

/** What is known of one model so far, kept in a file: a run that was interrupted goes on. */
export interface Known {
  /** Of erasing, on a machine as busy as it was. */
  seconds: number | null;
  /** By prompt and seed: `class 3/17`. */
  readonly seen: Record<string, Sighting>;
  /** Mean bits per dimension, by what they are of. */
  readonly bits: Record<string, number>;
}

export async function readKnown(file: string): Promise<Known> {
  if (!(await pathExists(file))) return { seconds: null, seen: {}, bits: {} };
  return JSON.parse(await readFile(file, 'utf8')) as Known;
}

export async function writeKnown(file: string, known: Known): Promise<void> {
  await replaceFile(file, JSON.stringify(known));
}

export interface Asked {
  readonly prompt: string;
  readonly seed: number;
}

/** Drawn between two writes of the file. */
const atOnce = 64;

export const keyOf = ({ prompt, seed }: Asked) => `${prompt}/${seed}`;

/** How the models of both tables draw. */
export const drawing = {
  steps: 50,
  guidanceScale: 1,
  sampler: 'DDIM',
  batch: 16,
  device: 'cpu',
  threads: 1,
} as const;

/** Has a model draw what was not seen yet and a judge look at it. */
export async function look(
  model: string,
  asked: readonly Asked[],
  {
    known,
    file,
    judge,
  }: { readonly known: Known; readonly file: string; readonly judge: PixelJudge },
): Promise<void> {
  const missing = asked.filter((one) => !(keyOf(one) in known.seen));
  if (missing.length === 0) return;
  const checkpoint = await openCheckpoint(model);
  const side = checkpoint.facts.nativeSize;
  try {
    for (let start = 0; start < missing.length; start += atOnce) {
      const group = missing.slice(start, start + atOnce);
      const images: PixelImage[] = [];
      await drawPictures(
        checkpoint,
        group.map((one) => ({ ...one, negativePrompt: '' })),
        { ...drawing, width: side, height: side },
        (image) => {
          images.push({ ...image, data: image.data.slice() });
          return Promise.resolve();
        },
      );
      for (const [i, sighting] of (await judge.see(images)).entries()) {
        const one = group[i];
        if (one) known.seen[keyOf(one)] = sighting;
      }
      await writeKnown(file, known);
      console.log(`${path.basename(file)}: ${start + group.length} of ${missing.length} pictures`);
    }
  } finally {
    await checkpoint.close();
  }
}
