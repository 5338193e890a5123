import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { describeDrawing, describeGuesses } from '../../src/drawing/describe-drawing.ts';
import { asDrawn } from '../../src/drawing/drawing.ts';
import { guessDrawing, ofName } from '../../src/drawing/guess.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { samplerOfScheduler } from '../../src/families/stable-diffusion/diffusers/scheduler-sampler.ts';
import { drawingOf } from '../../src/methods/default-settings.ts';
import { usualModel } from '../../src/methods/registry.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { configs, writeTinySdFolder } from '../helpers/tiny-sd-folder.ts';

const drawsOf = (name: string, family = 'SDXL') =>
  ofName(name, { where: 'its name', family }).draws;

describe('what a name says of how a model is drawn with', () => {
  it.each([
    ['sdxl_lightning_4step', 4, 1, 'Euler SGM Uniform'],
    ['RealVisXL_V5.0_Lightning', 4, 1, 'Euler SGM Uniform'],
    ['juggernautXL_juggXILightningByRD', 4, 1, 'Euler SGM Uniform'],
    ['Juggernaut XL v9 Lightning 8-steps', 8, 1, 'Euler SGM Uniform'],
    ['Hyper-SDXL-1step-Unet', 1, 1, 'DDIM SGM Uniform'],
    ['epicrealismXL_vxiiAbeast4SHyper', 4, 1, 'DDIM SGM Uniform'],
    ['Hyper-SDXL-12steps-CFG-merged', 12, 5, 'DDIM SGM Uniform'],
    ['sd_xl_turbo_1.0_fp16', 4, 1, 'Euler a SGM Uniform'],
    ['dreamshaperXL_v21TurboDPMSDE', 4, 1, 'Euler a SGM Uniform'],
    ['LCM_Dreamshaper_v7', 4, 1.5, 'LCM'],
    ['lustifySDXLNSFW_v20DMD2', 4, 1, 'LCM'],
    ['some-model 2 STEPS', 2, 1, 'Euler SGM Uniform'],
    // What it was trained on says nothing of how few steps it takes.
    ['hassakuXL_8steps', 8, 1, 'Euler SGM Uniform'],
  ])('%s: %i steps, CFG %d, %s', (name, drawSteps, drawCfg, drawSampler) => {
    expect(drawsOf(name)).toMatchObject({ drawSteps, drawCfg, drawSampler });
  });

  it.each([
    ['ponyDiffusionV6XL_v6StartWithThisOne', /^score_9/],
    ['cyberrealisticPony_v65', /^score_9/],
    ['waiANIPONYXL_v11', /^score_9/],
    ['waiNSFWIllustrious_v140', /^masterpiece/],
    ['Illustrious-XL-v0.1', /^masterpiece/],
    ['novaAnimeXL_ilV120', /^masterpiece/],
    ['noobaiXLNAIXL_vPred10Version', /newest/],
    ['animagine-xl-4.0-opt', /absurdres/],
  ])('%s has its own words', (name, words) => {
    const { qualityWords, drawSampler } = drawsOf(name);
    expect(qualityWords).toMatch(words);
    expect(drawSampler).toBe('Euler a');
  });

  it.each(['anything-v5-PrtRE', 'meinamix_v12Final', 'animefull-final-pruned', 'AbyssOrangeMix2'])(
    '%s is drawn at clip skip 2',
    (name) => {
      expect(drawsOf(name, 'SD 1.x')).toEqual({ clipSkip: 2, promptStyle: 'tags' });
    },
  );

  it('joins both kinds of words', () => {
    expect(drawsOf('ponyLightning_8steps')).toMatchObject({
      ...{ drawSteps: 8, drawCfg: 1, drawSampler: 'Euler SGM Uniform', clipSkip: 2 },
      qualityWords: expect.stringMatching(/^score_9/) as string,
    });
  });

  it.each([
    ...['turbocharged_v2', 'hyperRealism_v3', 'hyper-realistic-xl', 'my-pony-photos', 'calcmix'],
    ...['lightning-bolts', 'compony', 'model-2000steps', 'step-4-of-8', 'illustrations', 'noobody'],
    ...['dreamshaper_8', 'sd_xl_base_1.0', 'flashlightning', 'epoch4steps'],
  ])('%s says nothing', (name) => {
    expect(drawsOf(name)).toEqual({});
  });

  it('of one family is not said of another', () => {
    expect(drawsOf('ponyDiffusionV4', 'SD 1.x')).toEqual({});
    expect(drawsOf('anything-v5')).toEqual({});
  });
});

it('a model is guessed by its file alone, and each guess says where it came from', async () => {
  const folder = path.join(makeTemporaryFolder(), 'ponies turbo');
  const file = path.join(folder, 'tiny_Lightning_2step.safetensors');
  mkdirSync(folder);
  cpSync('presets/tiny-sd/tiny-clip', path.join(folder, 'tiny-clip'), { recursive: true });
  for (const ending of ['.safetensors', '.yaml']) {
    copyFileSync(`presets/tiny-sd/tiny-sd${ending}`, file.replace('.safetensors', ending));
  }
  const checkpoint = await openCheckpoint(file);
  const { draws, sources } = guessDrawing(checkpoint);
  await checkpoint.file.close();
  const drawing = drawingOf({ size: 64, modelChannels: 32, drawing: draws });
  expect(describeDrawing(drawing)).toBe('2 steps, CFG 1, Euler SGM Uniform, 64×64');
  expect(describeGuesses(drawing, sources)).toEqual([
    '2 steps from its name: “2step”',
    'CFG 1, Euler SGM Uniform from its name: “lightning” (SDXL-Lightning)',
  ]);
});

it('quality words stand before a prompt or around it', () => {
  const asked = (qualityWords: string, prompt = 'a cat') => asDrawn(prompt, { qualityWords });
  expect(asked('')).toBe('a cat');
  expect(asked('best quality, ')).toBe('best quality, a cat');
  expect(asked('photo of {prompt}, 8k')).toBe('photo of a cat, 8k');
  expect(asked('best quality', '')).toBe('best quality');
  expect(drawingOf(usualModel)).toMatchObject({ drawSteps: 20, drawCfg: 7.5, clipSkip: 1 });
});

describe('what a diffusers folder’s scheduler says', () => {
  const trailing = { timestep_spacing: 'trailing' };
  it.each([
    ['EulerDiscreteScheduler', { timestep_spacing: 'leading' }, 'Euler'],
    ['EulerDiscreteScheduler', trailing, 'Euler SGM Uniform'],
    ['EulerDiscreteScheduler', { ...trailing, use_karras_sigmas: true }, 'Euler Karras'],
    ['EulerAncestralDiscreteScheduler', trailing, 'Euler a SGM Uniform'],
    ['DPMSolverMultistepScheduler', { algorithm_type: 'dpmsolver++' }, 'DPM++ 2M'],
    ['DPMSolverMultistepScheduler', { use_karras_sigmas: true }, 'DPM++ 2M Karras'],
    ['DPMSolverSDEScheduler', { use_karras_sigmas: true }, 'DPM++ SDE Karras'],
    ['UniPCMultistepScheduler', { solver_type: 'bh2', solver_order: 2 }, 'UniPC'],
    ['DDIMScheduler', { clip_sample: false }, 'DDIM'],
    ['LCMScheduler', { original_inference_steps: 50 }, 'LCM'],
  ])('%s, %j: %s', (scheduler, config, name) => {
    expect(samplerOfScheduler({ _class_name: scheduler, ...config }, null)?.name).toBe(name);
    // diffusers goes by the index.
    expect(samplerOfScheduler({ _class_name: 'PNDMScheduler', ...config }, scheduler)?.name).toBe(
      name,
    );
  });

  it.each([
    ['PNDMScheduler', {}],
    ['HeunDiscreteScheduler', {}],
    ['DPMSolverSinglestepScheduler', {}],
    ['DPMSolverMultistepScheduler', { algorithm_type: 'sde-dpmsolver++' }],
    ['EulerDiscreteScheduler', { use_beta_sigmas: true }],
    ['TCDScheduler', {}],
    [7, {}],
  ])('%s, %j: nothing', (scheduler, config) => {
    expect(samplerOfScheduler({ _class_name: scheduler, ...config }, null)).toBeNull();
  });
});

it('a folder is drawn with its scheduler, one of LCM’s in few steps; a name goes before it', async () => {
  const guessOf = async (name: string, config: object) => {
    const folder = writeTinySdFolder(path.join(makeTemporaryFolder(), name));
    const file = path.join(folder, 'scheduler/scheduler_config.json');
    const scheduler = { ...configs['scheduler/scheduler_config.json'], ...config };
    writeFileSync(file, JSON.stringify(scheduler));
    const index = { ...configs['model_index.json'], scheduler: undefined };
    writeFileSync(path.join(folder, 'model_index.json'), JSON.stringify(index));
    const checkpoint = await openCheckpoint(folder);
    await checkpoint.file.close();
    return guessDrawing(checkpoint);
  };
  const karras = { _class_name: 'DPMSolverMultistepScheduler', use_karras_sigmas: true };
  const guess = await guessOf('tiny', karras);
  expect(guess.draws).toEqual({ drawSampler: 'DPM++ 2M Karras' });
  expect(guess.sources.drawSampler).toBe(
    'its scheduler: DPMSolverMultistepScheduler with use_karras_sigmas',
  );
  expect((await guessOf('tiny', { _class_name: 'LCMScheduler' })).draws).toEqual({
    ...{ drawSteps: 4, drawCfg: 1.5, drawSampler: 'LCM' },
  });
  expect((await guessOf('tiny_lightning', karras)).draws.drawSampler).toBe('Euler SGM Uniform');
});

describe('SDXL-Turbo is drawn at 512 pixels', () => {
  it.each(['sd_xl_turbo_1.0_fp16', 'sdxl-turbo', 'SDXL Turbo 1.0', 'stabilityai_sdxl-turbo'])(
    'by its name: %s',
    (name) => {
      expect(drawsOf(name)).toMatchObject({ width: 512, height: 512, drawCfg: 1 });
    },
  );

  it.each(['dreamshaperXL_v21TurboDPMSDE', 'my-sdxl-turbo-merge', 'sd_turbo'])('not %s', (name) => {
    expect(drawsOf(name)).toMatchObject({ drawCfg: 1 });
    expect(drawsOf(name)).not.toHaveProperty('width');
  });

  it.each([
    ['512x512', { width: 512, height: 512 }],
    ['832X512', { width: 832, height: 512 }],
    ['1024x1024', {}],
    ['512x2048', {}],
    ['513x512', {}],
    ['512', {}],
  ])('by its metadata: %s', async (resolution, draws) => {
    const { file, facts } = await openCheckpoint('presets/tiny-sd/tiny-sd.safetensors');
    await file.close();
    const metadata = new Map([['modelspec.resolution', resolution]]);
    const xl = { ...facts, title: 'SDXL', nativeSize: 1024 };
    const guess = guessDrawing({
      file: { ...file, path: '/m/x.safetensors', metadata },
      facts: xl,
    });
    expect(guess.draws).toEqual(draws);
  });
});
