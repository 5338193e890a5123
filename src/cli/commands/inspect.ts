import type { Command } from 'commander';

import {
  type CheckpointDescription,
  inspectCheckpoint,
  type PartDescription,
} from '../../families/inspect.ts';
import {
  describeReading,
  type PredictionWish,
} from '../../families/stable-diffusion/prediction/reading.ts';
import { jsonOption, predictionOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import { formatCount, formatTable } from '../../format.ts';
import { printJson, printLine } from '../terminal.ts';
import { formatBytes } from '../../format-bytes.ts';

interface InspectOptions {
  readonly prediction?: PredictionWish;
  readonly json?: true;
}

/** `erase-concept inspect`: what a model file is, from its header. */
export function addInspectCommand(program: Command, { terminal }: CliContext): void {
  program
    .command('inspect')
    .description("Tell a model's architecture, precision, size and how it was scrubbed.")
    .argument('<file>', 'a .safetensors file, or a diffusers folder')
    .addOption(predictionOption())
    .addOption(jsonOption())
    .action(async (file: string, { prediction, json }: InspectOptions) => {
      const description = await inspectCheckpoint(file, prediction);
      if (json) printJson(terminal, description);
      else printLine(terminal.stdout, describe(description));
    });
}

function describe(description: CheckpointDescription): string {
  const { file, family, bytes, tensorCount, parameters, precisions, erasing } = description;
  const rows = [
    ['file', file],
    ['family', family],
    [
      'size',
      `${formatBytes(bytes)}, ${tensorCount} tensors, ${formatCount(parameters)} parameters`,
    ],
    ['precision', precisions.join(', ')],
    ...partRows(description),
    ...architectureRows(description),
    ['config', description.configFile ?? 'none beside it'],
    ['UNet copies', describeCopies(description.unetCopies)],
    ['erasing', erasing.supported ? 'supported' : `not supported: ${erasing.reason ?? ''}`],
    ...provenanceRows(description),
  ];
  return formatTable(rows);
}

function describeCopies(copies: readonly string[]): string {
  return copies.length === 0 ? 'none' : `${copies.join(', ')} (a scrubbed model has none of them)`;
}

function partRows({ parts }: CheckpointDescription): string[][] {
  if (!parts) return [];
  const row = (name: string, part: PartDescription) => [
    name,
    `${formatCount(part.parameters)} parameters, ${formatBytes(part.bytes)}, ${part.precisions.join(', ')}`,
  ];
  return [
    row('UNet', parts.unet),
    ...parts.textEncoders.map((part) => row('text encoder', part)),
    parts.vae ? row('VAE', parts.vae) : ['VAE', 'none: give one with --vae'],
  ];
}

function architectureRows({ architecture }: CheckpointDescription): string[][] {
  if (!architecture) return [];
  const { diffusion, prediction, assumptions } = architecture;
  const notes = prediction.remarks.filter((remark) => !assumptions.includes(remark));
  return [
    ['predicts', describeReading({ ...diffusion, ...prediction })],
    ...assumptions.map((assumption) => ['assumed', assumption]),
    ...notes.map((note) => ['note', note]),
  ];
}

/** The entry comes from the file: shown as it is, whatever it holds. */
function provenanceRows({ eraseConcept }: CheckpointDescription): string[][] {
  if (!eraseConcept) return [];
  return Object.entries(eraseConcept).map(([name, value]) => [
    `erased: ${name}`,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
}
