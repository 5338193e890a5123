import { beforeAll, describe, expect, it } from 'vitest';
import { trainSets, type TrainSet } from '../../src/methods/settings-fields.ts';
import { trainedNames } from '../../src/families/stable-diffusion/parameter-groups.ts';
import { readGoldenHeader } from '../checkpoint/safetensors-fixtures.ts';

const unet = 'model.diffusion_model.';

/** Where an SD 1.x UNet of tiny-sd's depth has a transformer: 16 places, of one block each. */
const transformers = [
  ...[1, 2, 4, 5, 7, 8].map((block) => `input_blocks.${block}.1`),
  'middle_block.1',
  ...[3, 4, 5, 6, 7, 8, 9, 10, 11].map((block) => `output_blocks.${block}.1`),
];
const attention = (layer: 'attn1' | 'attn2') =>
  transformers.flatMap((place) =>
    ['to_q.weight', 'to_k.weight', 'to_v.weight', 'to_out.0.weight', 'to_out.0.bias'].map(
      (tensor) => `${unet}${place}.transformer_blocks.0.${layer}.${tensor}`,
    ),
  );
const outputAndTime = ['out.0', 'out.2', 'time_embed.0', 'time_embed.2'].flatMap((layer) => [
  `${unet}${layer}.weight`,
  `${unet}${layer}.bias`,
]);

describe('trainedNames of tiny-sd', () => {
  let names: string[];
  let all: string[];

  beforeAll(async () => {
    const { infos } = await readGoldenHeader('tiny-sd');
    names = infos.map(({ name }) => name);
    all = names.filter((name) => name.startsWith(unet));
    expect(all).toHaveLength(682);
    // Names that merges leave beside the UNet, and what looks like one.
    names = [
      'model_ema.diffusion_modelout0weight',
      'model.diffusion_modelX.out',
      ...names,
      'out.0',
    ];
  });

  const without = (...others: string[][]) => {
    const left = new Set(all);
    for (const name of others.flat()) expect(left.delete(name), name).toBe(true);
    return [...left];
  };
  const expected: Record<TrainSet, () => string[]> = {
    full: () => all,
    xattn: () => attention('attn2'),
    'xattn-strict': () => attention('attn2').filter((name) => /to_[kv]\.weight$/.test(name)),
    selfattn: () => attention('attn1'),
    noxattn: () => without(attention('attn2'), outputAndTime),
    notime: () => without(outputAndTime),
  };

  it.each(trainSets)('%s is as in the published code, in the order of the file', (set) => {
    const trained = trainedNames(names, set);
    expect([...trained].sort()).toEqual(expected[set]().sort());
    expect(trained).toEqual(names.filter((name) => trained.includes(name)));
  });

  it('leaves the sets of the sizes that the published code trains', () => {
    const sizes = trainSets.map((set) => [set, trainedNames(names, set).length]);
    expect(Object.fromEntries(sizes)).toEqual({
      full: 682,
      xattn: 80,
      'xattn-strict': 32,
      noxattn: 594,
      selfattn: 80,
      notime: 674,
    });
  });
});
