import path from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';

import type { Companions } from '../families/companions.ts';
import type { ChosenLora } from '../adapters/low-rank/with-loras.ts';

/** What the options below say. */
export interface CompanionOptions {
  readonly vae?: string;
  readonly baseLora?: readonly ChosenLora[];
  readonly forgetEmbedding?: readonly string[];
}

/** Adds the options for what a model is run with besides its own files. */
export function addCompanionOptions(command: Command): void {
  command
    .option(
      '--vae <file>',
      "the VAE that encodes and draws, for a model without one or instead of its own (default: the model's, else NAME.vae.safetensors beside it)",
    )
    .option(
      '--base-lora <file[:strength]>',
      'a LoRA that is part of how the model draws: it is put on top first; may be repeated',
      collectLora,
    )
    .option(
      '--forget-embedding <file>',
      'an embedding (textual inversion) whose word is the name of its file; may be repeated',
      collectFile,
    );
}

/** What models are opened with. */
export function companionsIn({ vae, forgetEmbedding }: CompanionOptions): Companions {
  return { vae: vae === undefined ? null : path.resolve(vae), embeddings: forgetEmbedding };
}

function collectFile(file: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, file];
}

/** `FILE[:STRENGTH]` of every occurrence: a colon elsewhere belongs to the path, as in `C:\LoRAs\x.safetensors`. */
function collectLora(text: string, previous: readonly ChosenLora[] = []): ChosenLora[] {
  const { file = text, number } =
    /^(?<file>.+?):(?<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/i.exec(text)?.groups ?? {};
  const strength = number === undefined ? 1 : Number(number);
  if (Math.abs(strength) > 100) {
    throw new InvalidArgumentError('The strength behind the colon must be from -100 to 100.');
  }
  return [...previous, { path: file, strength }];
}
