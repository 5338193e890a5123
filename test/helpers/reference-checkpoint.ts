import { onTestFinished } from 'vitest';
import type { Checkpoint } from '../../src/families/checkpoint.ts';
import type { Architecture } from '../../src/families/stable-diffusion/architecture.ts';
import { createDenoiser } from '../../src/families/stable-diffusion/denoiser.ts';
import { deriveUnetConfig } from '../../src/families/stable-diffusion/layout/derive-unet.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { readModelReference } from './model-reference.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

/** The UNet of a reference as a file of its own, with 8 heads; it must be asked for nothing else. */
export async function openReferenceUnet(name: string): Promise<Checkpoint> {
  const { source, weights } = readModelReference(name);
  const file = `${makeTemporaryFolder()}/${name}.safetensors`;
  const entries = [...source.tensors.values()].map((info) => ({
    ...info,
    elements: () => Promise.resolve(weights.get(info.name)!),
  }));
  await writeTensorFile(file, entries, {});
  const opened = await openSafetensors(file);
  onTestFinished(() => opened.close());
  const architecture = { unet: deriveUnetConfig(opened, { numHeads: 8 }) } as Architecture;
  const model = { file: opened, architecture, ldmConfig: undefined, words: [], vae: null };
  return { ...model, denoiser: createDenoiser(model) } as unknown as Checkpoint;
}
