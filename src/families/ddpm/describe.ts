import path from 'node:path';

import { describePart, type ModelDescription } from '../model-description.ts';
import type { Opened } from './opened.ts';

/** Tells what a pixel-space model is, from its header and configs. */
export function describePixelModel(opened: Opened): ModelDescription {
  const { file, config, shapes, scheduler, configPath } = opened;
  const { classes, sampleSize, timesteps: _timesteps, ...unet } = config;
  const { predictionType, zeroTerminalSnr, basis, source, remarks } = scheduler.prediction;
  const unsized = sampleSize ? [] : ['Its config names no sample_size: 32 pixels are assumed.'];
  const folder = file.layout === 'diffusers' ? file.path : path.dirname(file.path);
  return {
    family: 'ddpm',
    parts: { unet: describePart(file, { shapes }) },
    architecture: {
      ...{ unet, classes, sampleSize, noise: scheduler.schedule },
      diffusion: { predictionType, zeroTerminalSnr },
      prediction: { basis, source, remarks },
      assumptions: [...unsized, ...scheduler.assumptions],
    },
    configFile: path.relative(folder, configPath),
    refusal: null,
  };
}
