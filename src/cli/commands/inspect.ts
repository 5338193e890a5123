import type { Command } from 'commander';

import { type CheckpointDescription, inspectCheckpoint } from '../../families/inspect.ts';
import type { PartDescription } from '../../families/model-description.ts';
import { describeReading, type PredictionWish } from '../../diffusion/prediction-reading.ts';
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

/** What a person calls the parts. */
const partTitles: Readonly<Record<string, string>> = {
  unet: 'UNet',
  textEncoders: 'text encoder',
  vae: 'VAE',
};

function partRows({ parts }: CheckpointDescription): string[][] {
  return Object.entries(parts ?? {}).flatMap(([name, part]) => {
    const title = partTitles[name] ?? name;
    if (part === null) return [[title, `none: give one with --${name}`]];
    return [part].flat().map((one) => [title, describePart(one)]);
  });
}

function describePart({ parameters, bytes, precisions }: PartDescription): string {
  return `${formatCount(parameters)} parameters, ${formatBytes(bytes)}, ${precisions.join(', ')}`;
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
