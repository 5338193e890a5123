import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { Frame } from 'playwright-core';

import { loadClipVocabulary } from '../../src/tokenizer/clip-vocabulary.ts';
import { changeSettings, choosePontilla, fewSteps } from '../browser/steps.ts';
import { checkout } from './drive.ts';

/** A model that a drive puts into a web UI, has erased there, and takes out again. */
export interface DriveModel {
  /** Its file, and that of the result. */
  readonly original: string;
  readonly scrubbed: string;
  /** What the tab says of it. */
  readonly isShownBy: string;
  /** Of jobs that are not started in the tab: so little that they are soon done. */
  readonly settings: Readonly<Record<string, number>>;
  /** Chooses in the tab what is to be forgotten, and how: with previews, or as little as can be. */
  choose(view: Frame, hasPreviews: boolean): Promise<void>;
  /** Step at which an erasure with previews has some to show. */
  readonly previewStep: number;
  /** Removes all that was made, results too. */
  remove(): void;
}

/** The tiny model of this checkout. */
export function addTinyModel(webUi: string, models: string): DriveModel {
  const original = 'tiny-sd.safetensors';
  const tinyModel = path.join(checkout, 'presets', 'tiny-sd');
  mkdirSync(models, { recursive: true });
  for (const part of [original, 'tiny-sd.yaml', 'tiny-clip']) {
    cpSync(path.join(tinyModel, part), path.join(models, part), { recursive: true });
  }
  // The web UI reads the text encoder below the folder that it runs in.
  const textEncoder = path.join(webUi, 'tiny-clip');
  cpSync(path.join(tinyModel, 'tiny-clip'), textEncoder, { recursive: true });
  addVocabulary(textEncoder);
  return {
    original,
    scrubbed: 'tiny-sd-without-pontilla.safetensors',
    isShownBy: '64×64',
    settings: { batch: 1 },
    choose: (view, hasPreviews) =>
      choosePontilla(view, hasPreviews ? { 'Steps between previews': '6' } : fewSteps),
    previewStep: 50,
    remove: () => {
      removeFiles(models, 'tiny-');
      rmSync(textEncoder, { recursive: true });
    },
  };
}

/** CLIP's own vocabulary, which web UIs read from files and the sidecar has. */
export function addVocabulary(folder: string): void {
  const { vocab, merges } = loadClipVocabulary();
  writeFileSync(path.join(folder, 'vocab.json'), JSON.stringify(vocab));
  const rules = merges.map((pair) => `${pair.join(' ')}\n`);
  writeFileSync(path.join(folder, 'merges.txt'), `#version: 0.2\n${rules.join('')}`);
}

/** A checkpoint whose widths are those of Stable Diffusion 1, so that it takes its time. */
export function addModelFile(file: string, models: string): DriveModel {
  const original = 'erase-concept-drive.safetensors';
  copyFileSync(file, path.join(models, original));
  const size = 64;
  return {
    original,
    scrubbed: 'erase-concept-drive-without-red-heart.safetensors',
    isShownBy: '512×512',
    settings: { batch: 1, size },
    choose: async (view, hasPreviews) => {
      await view.getByLabel('Model', { exact: true }).selectOption(original);
      await view.getByLabel(/^Prompts to forget/).fill('a red heart');
      await view.getByLabel(/^Prompts to keep/).fill('a star');
      // What it learns does not matter.
      const least = {
        Steps: '3',
        ...{ Width: String(size), Height: String(size) },
        'Pictures drawn to forget': '1',
        'Pictures drawn to keep': '1',
        'Steps between previews': hasPreviews ? '1' : '0',
      };
      await changeSettings(view, { ...fewSteps, ...least });
    },
    previewStep: 2,
    remove: () => {
      removeFiles(models, 'erase-concept-drive');
    },
  };
}

/** Removes all whose names begin so. */
export function removeFiles(folder: string, prefix: string): void {
  for (const name of readdirSync(folder)) {
    if (name.startsWith(prefix)) rmSync(path.join(folder, name), { recursive: true });
  }
}
