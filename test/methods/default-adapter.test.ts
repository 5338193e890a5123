import { expect, test } from 'vitest';
import { defaultAdapters } from '../../src/adapters/settings.ts';
import { defaultSettings, usualModel } from '../../src/methods/registry.ts';

const xl = { size: 1024, modelChannels: 320 } as const;

test.each(['erasediff', 'esd'] as const)('%s changes SDXL by a low rank unless told', (method) => {
  expect(defaultSettings({ method, ...xl })).toMatchObject({
    adapter: defaultAdapters.lora,
    output: 'both',
  });
  expect(defaultSettings({ method, ...xl, adapter: defaultAdapters.full })).toMatchObject({
    adapter: defaultAdapters.full,
    output: 'checkpoint',
  });
});

test('a low-rank change learns ten times as fast as whole weights', () => {
  expect(defaultSettings(xl)).toMatchObject({ learningRate: 1e-4 });
  expect(defaultSettings(usualModel)).toMatchObject({ learningRate: 1e-5 });
});

test.each([usualModel, { size: 768, modelChannels: 320 }])(
  'SD 1.x and 2.x are changed themselves: %o',
  (model) => {
    expect(defaultSettings(model)).toMatchObject({ adapter: defaultAdapters.full });
  },
);

test('models of a few million parameters are changed by a rank that is low for them', () => {
  const adapter = { ...defaultAdapters.lora, rank: 4 };
  expect(defaultSettings({ size: 64, modelChannels: 32 })).toMatchObject({ adapter });
});

test('SISS changes the weights themselves, of SDXL too', () => {
  const settings = defaultSettings({ method: 'siss', ...xl });
  expect(settings).toMatchObject({ adapter: defaultAdapters.full, output: 'checkpoint' });
});

test('a low-rank change overshoots by less, as it carries further', () => {
  const target = (overshoot: number) => ({ target: { kind: 'original', overshoot } });
  expect(defaultSettings(xl)).toMatchObject(target(0.5));
  expect(defaultSettings({ ...usualModel, adapter: defaultAdapters.lora })).toMatchObject(
    target(0.5),
  );
  expect(defaultSettings(usualModel)).toMatchObject(target(1));
});
