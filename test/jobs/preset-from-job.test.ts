import { describe, expect, it } from 'vitest';

import { deriveAnchors } from '../../src/erase/anchors.ts';
import { presetFromJob } from '../../src/jobs/request/preset-from-job.ts';
import { validatePreset } from '../../src/presets/preset.ts';
import { exampleJob } from './example-job.ts';

const prompts = ['a star in the style of Pontilla', 'a heart in the style of Pontilla'];
const job = {
  ...exampleJob,
  id: '20261124-0415-pontilla',
  forget: prompts.map((prompt) => ({ prompt, anchor: prompt.slice(0, prompt.indexOf(' in')) })),
};
const saved = { title: 'No more dots', concept: 'in the style of Pontilla' };

describe('presetFromJob', () => {
  it('is a preset that steers as the job did', () => {
    const preset = validatePreset({ ...presetFromJob(job, saved), name: 'dots' }, 'test');
    expect(preset).toMatchObject({ title: 'No more dots', forget: prompts, retain: ['a photo'] });
    expect(preset.anchor).toBeUndefined();
    expect(deriveAnchors(preset.forget, preset)).toEqual(['a star', 'a heart']);
  });

  it('keeps an anchor that all prompts have', () => {
    const forget = prompts.map((prompt) => ({ prompt, anchor: 'a painting' }));
    expect(presetFromJob({ ...job, forget }, saved).anchor).toBe('a painting');
  });

  it('keeps the settings that are not the default anyway, and no size', () => {
    const settings = { ...job.settings, width: 256, height: 256, steps: 7, clipNorm: null };
    const kept = presetFromJob({ ...job, settings }, saved).settings;
    expect(kept).toMatchObject({
      train: 'xattn',
      steps: 7,
      clipNorm: null,
      // Another one on a small model: without it, the preset would not do there what the job did.
      batch: 1,
      reason: 'As job 20261124-0415-pontilla trained.',
    });
    expect(
      Object.keys(kept ?? {}).filter((name) => ['width', 'height', 'rule', 'seed'].includes(name)),
    ).toEqual([]);
  });

  it('is judged as the job was, by name', () => {
    const judge = { name: 'nsfw', file: '/judges/nsfw.onnx', labels: '/judges/nsfw.txt' };
    const judges = [{ ...judge, classes: ['nude'] }];
    const preset = { ...presetFromJob({ ...job, judges }, saved), name: 'dots' };
    expect(validatePreset(preset, 'test').judges).toEqual([{ name: 'nsfw', classes: ['nude'] }]);
  });

  it('asks for pictures where the job had some', () => {
    const draft = presetFromJob({ ...job, forgetImages: '/pictures' }, saved);
    expect(draft.images?.use).toBe('required');
    expect(JSON.stringify(draft)).not.toContain('/pictures');
  });

  it('keeps the list of a job that forgot several concepts', () => {
    const steered = {
      forget: [
        ...job.forget,
        { prompt: 'a red heart', anchor: 'a moon' },
        { prompt: 'a blue heart', anchor: 'a moon' },
      ],
      retain: ['a photo', 'a star in the style of Strivo'],
    };
    const concepts = [
      {
        ...{ name: 'in the style of Pontilla', prompts, images: '/pictures' },
        neighbours: ['a star in the style of Strivo'],
      },
      { name: 'heart', prompts: ['a red heart', 'a blue heart'], neighbours: [], images: null },
    ];
    const draft = presetFromJob({ ...job, ...steered, concepts }, saved);
    const preset = validatePreset({ ...draft, name: 'dots' }, 'test');
    expect(preset.concepts).toEqual([
      {
        ...{ name: 'in the style of Pontilla', forget: prompts },
        neighbours: ['a star in the style of Strivo'],
      },
      { name: 'heart', forget: ['a red heart', 'a blue heart'], anchor: 'a moon' },
    ]);
    expect(preset.retain).toEqual(['a photo']);
    expect(JSON.stringify(draft)).not.toContain('/pictures');
  });
});
