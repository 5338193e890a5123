import { Command } from 'commander';
import { expect, it } from 'vitest';

import { addCompanionOptions } from '../../src/cli/companion-options.ts';

function read(...args: string[]): unknown {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  addCompanionOptions(command);
  return command.parse(args, { from: 'user' }).opts();
}

it('a LoRA is followed by how often it counts, a colon elsewhere is of its path', () => {
  const loras = [
    ['C:\\LoRAs\\ink.safetensors:0.8', 'C:\\LoRAs\\ink.safetensors', 0.8],
    ['C:\\LoRAs\\ink.safetensors', 'C:\\LoRAs\\ink.safetensors', 1],
    ['/loras/a:b.safetensors:-.5', '/loras/a:b.safetensors', -0.5],
    ['ink v1.5.safetensors:1e-1', 'ink v1.5.safetensors', 0.1],
    ['ink:v2', 'ink:v2', 1],
  ] as const;
  expect(read(...loras.flatMap(([option]) => ['--base-lora', option]))).toEqual({
    baseLora: loras.map(([, path, strength]) => ({ path, strength })),
  });
  expect(() => read('--base-lora', 'ink.safetensors:1000')).toThrow(/from -100 to 100/);
});

it('embeddings are collected', () => {
  expect(read('--forget-embedding', 'a.pt', '--forget-embedding', 'b.pt', '--vae', 'v.pt')).toEqual(
    { forgetEmbedding: ['a.pt', 'b.pt'], vae: 'v.pt' },
  );
});
