import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { deriveAnchors, deriveConcept, mentions } from '../../src/erase/anchors.ts';
import { mayBeTags } from '../../src/drawing/tags/tag-list.ts';
import { findNearContradictions, requireNoContradiction } from '../../src/erase/contradictions.ts';
import { checkSyntax } from '../../src/erase/prompt-syntax.ts';
import { draftJob } from '../../src/jobs/request/draft-job.ts';
import { defaultMethod } from '../../src/methods/registry.ts';
import { listPresets, presetFolders } from '../../src/presets/load-presets.ts';
import { fillPreset, parsePreset, presetSchema } from '../../src/presets/preset.ts';

const shipped = (await listPresets('/nowhere')).presets.map(({ preset }) => {
  const examples: Record<string, string> = {};
  for (const [variable, { example }] of Object.entries(preset.variables)) {
    examples[variable] = example;
  }
  return { preset, filled: fillPreset(preset, examples) };
});

/** Wordings are the same if nothing but case, punctuation and spaces tells them apart. */
const wording = (prompt: string) =>
  prompt
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number}]+/gu, ' ')
    .trim();

describe('the shipped presets', () => {
  it.each(shipped.filter(({ preset }) => preset.images?.use !== 'required'))(
    'are settled with settings of their own method: $preset.name',
    async ({ preset }) => {
      const variables = Object.entries(preset.variables).map(([name, { example }]) => [
        name,
        example,
      ]);
      const draft = await draftJob(
        {
          ...{ model: 'presets/tiny-sd/tiny-sd.safetensors', preset: preset.name, settings: {} },
          ...{ variables: Object.fromEntries(variables) as Record<string, string> },
          ...{ forget: [], retain: [], anchor: undefined, concept: undefined },
          ...{ forgetImages: undefined, retainImages: undefined },
          ...{ device: 'cpu', threads: 1, output: undefined },
        },
        { dataFolder: '/nowhere', presetFolders: presetFolders('/nowhere') },
      );
      expect(draft.settings.method).toBe(preset.settings?.method ?? defaultMethod);
      expect(draft.forget.length).toBeGreaterThan(0);
    },
  );

  it('are these', () => {
    expect(shipped.map(({ preset }) => preset.name)).toEqual([
      'artist-style',
      'artist-style-quick',
      'brand-logo',
      'character',
      'children',
      'drawn-look',
      'found-training-image',
      'hate-symbols',
      'lettering',
      'my-own-artwork',
      'nudity',
      'object-class',
      'person-likeness',
      'photographer-look',
      'pontilla',
      'public-figure',
      'smoking-drugs',
      'violence-gore',
      'watermark-signature',
      'weapons',
    ]);
  });

  it.each(shipped.map(({ preset, filled }) => [preset.name, preset, filled] as const))(
    '%s: forgets in several wordings, keeps enough, and says why and what to expect',
    (_, preset, filled) => {
      const forget = filled.forget.map(wording);
      const retain = filled.retain.map(wording);
      expect(new Set(forget).size).toBe(forget.length);
      expect(new Set(retain).size).toBe(retain.length);
      expect(forget.length).toBeGreaterThanOrEqual(6);
      expect(retain.length).toBeGreaterThanOrEqual(8);
      expect(forget.filter((prompt) => retain.includes(prompt))).toEqual([]);
      expect([...filled.forget, ...filled.retain].join()).not.toContain('{');
      // Two lines of a card.
      expect(preset.summary?.length).toBeLessThanOrEqual(47);
      expect(preset.settings?.reason.length).toBeGreaterThan(60);
      expect(preset.expectation.length).toBeGreaterThan(60);
      expect(filled.concept).toBeDefined();
      // That they are not trained on, the schema sees to.
      expect(preset.heldBack?.length).toBeGreaterThanOrEqual(3);
    },
  );

  it.each(shipped.map(({ filled }) => [filled.name, filled] as const))(
    '%s: nothing that is kept, and no anchor, is about the concept',
    (_, filled) => {
      const concept = filled.concept ?? deriveConcept(filled.forget);
      const anchors = filled.anchor ? [filled.anchor] : deriveAnchors(filled.forget, filled);
      expect(filled.retain.filter((prompt) => mentions(prompt, concept))).toEqual([]);
      const forget = filled.forget.map((prompt, i) => ({
        prompt,
        anchor: anchors[i] ?? 'a photo',
      }));
      expect(checkSyntax([...filled.forget, ...filled.retain, ...anchors])).toEqual([]);
      expect(findNearContradictions(forget, filled.retain, filled.concept)).toEqual([]);
      expect(anchors.filter((prompt) => mentions(prompt, concept))).toEqual([]);
      expect(anchors.filter((prompt) => wording(prompt) === '')).toEqual([]);
      const prompts = filled.forget.map(wording);
      expect(anchors.filter((anchor) => prompts.includes(wording(anchor)))).toEqual([]);
    },
  );

  it.each(
    shipped.flatMap(({ filled: { name, tags, concept } }) =>
      tags ? [[name, tags, concept] as const] : [],
    ),
  )('%s: has words for models that are asked in tags', (_, tags, concept) => {
    const { forget, retain, anchor } = tags;
    const anchors = anchor ? [anchor] : deriveAnchors(forget, { concept, retain, style: 'tags' });
    const all = [...forget, ...retain, ...anchors];
    expect(all.filter((prompt) => !mayBeTags(prompt))).toEqual([]);
    expect(all.join()).not.toContain('{');
    expect(forget.length).toBeGreaterThanOrEqual(6);
    expect(retain.length).toBeGreaterThanOrEqual(8);
    expect(checkSyntax(all)).toEqual([]);
    const steered = forget.map((prompt, i) => ({ prompt, anchor: anchors[i] ?? anchor ?? '' }));
    requireNoContradiction(steered, retain);
    expect(findNearContradictions(steered, retain, concept)).toEqual([]);
  });

  it('without a fixed anchor are steered to the rest of the picture', () => {
    const derived = shipped
      .filter(({ filled }) => filled.anchor === undefined && filled.name !== 'pontilla')
      .map(({ filled }) => [filled.name, deriveAnchors(filled.forget, filled).join(' | ')]);
    expect(Object.fromEntries(derived)).toEqual({
      'artist-style':
        'a painting | a landscape | a portrait of a woman | a still life with flowers | a city street at night | a painting | an artwork of a tree | a house by the sea',
      'artist-style-quick':
        'a painting | a landscape | a portrait of a woman | a still life with flowers | a city street at night | a painting | an artwork of a tree | a house by the sea',
      'brand-logo':
        'the logo | a logo on a white background | a photo of a product | an advertisement | a shop front in a street | a billboard with the logo | a t-shirt with the logo | a poster on a wall',
      character:
        'a picture | a close-up | a film still of a forest | a drawing | a cartoon of a city | a 3d render | a city street | a birthday cake | a person',
      'drawn-look':
        'art | a portrait of a woman | a portrait of a man | a city street at night | a landscape with mountains | drawing of an animal in a forest | girl with long hair | artwork of a house by the sea | screenshot',
      'my-own-artwork':
        'an artwork | a painting | a painting | an illustration | a portrait of a woman | a landscape | a drawing of an animal | a city street',
      'object-class':
        'a photo of a street | a close-up photo | a street | a lawn | a photo of a person | an oil painting of a tree | a drawing on a white background',
      'photographer-look':
        'a photo | a photograph | a portrait of a woman | a black and white photo of a man | a landscape | a street at night | a fashion photo | a still life',
    });
  });

  it('ask for pictures where only these say what must go', () => {
    const required = shipped.filter(({ preset }) => preset.images?.use === 'required');
    expect(required.map(({ preset }) => preset.name)).toEqual([
      'found-training-image',
      'my-own-artwork',
    ]);
  });
});

describe('presets/README.md', () => {
  it('documents exactly the fields of the schema, and which of them are needed', async () => {
    const text = await readFile(new URL('../../presets/README.md', import.meta.url), 'utf8');
    const rows = [...text.matchAll(/^\| `(\w+)` +\| (yes|no) /gm)];
    const documented: Record<string, string | undefined> = {};
    for (const [, field = '', needed] of rows) documented[field] = needed;
    const actual: Record<string, string> = {};
    for (const [field, schema] of Object.entries(presetSchema.shape)) {
      actual[field] = schema.safeParse(undefined).success ? 'no' : 'yes';
    }
    expect(documented).toEqual(actual);
  });

  it('has an example that is a preset', async () => {
    const [preset] = await examplesOf();
    expect(Object.keys(preset ?? {}).sort()).toEqual(
      Object.keys(presetSchema.shape)
        // What the example leaves to be derived, and what stands in the place of its prompts.
        .filter((field) => field !== 'anchor' && field !== 'concepts')
        .sort(),
    );
  });

  it('has an example of a list', async () => {
    const [, list] = await examplesOf();
    expect(list?.concepts?.map(({ name }) => name)).toEqual(['Claude Monet', '{painter}']);
    expect(Object.keys(list?.concepts?.[0] ?? {})).toEqual(['name', 'forget', 'neighbours']);
  });
});

async function examplesOf() {
  const text = await readFile(new URL('../../presets/README.md', import.meta.url), 'utf8');
  const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)];
  return examples.map(([, example = '']) => parsePreset(example, 'README.md'));
}
