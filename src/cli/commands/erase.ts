import type { Command } from 'commander';

import { FolderRepository } from '../../jobs/local/folder-repository.ts';
import { requireJobsFolder } from '../../jobs/local/job-folder.ts';
import type { EraseRequest } from '../../jobs/request/draft-job.ts';
import { presetFolders } from '../../presets/load-presets.ts';
import type { Device } from '../../runtime/device.ts';
import { addCompanionOptions, type CompanionOptions, companionsIn } from '../companion-options.ts';
import { dataOption, deviceOption, jsonOption, threadsOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import { untilAborted } from '../interrupts.ts';
import { assignment, wholeNumber } from '../parse-option.ts';
import { classesOption } from '../class-option.ts';
import { classPrompt } from '../../families/class-prompts.ts';
import { addJudgeOptions, type JudgeOptions, readJudge } from '../judge-options.ts';
import { endingHelp, runToTheEnd, withCancelNotice } from '../run-to-the-end.ts';
import { addSettingsOptions, readSettings, type SettingsOptions } from '../settings-options.ts';

interface EraseOptions extends SettingsOptions, JudgeOptions, CompanionOptions {
  readonly model: string;
  readonly preset?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly forget?: readonly string[];
  readonly forgetImages?: string;
  readonly retain?: readonly string[];
  readonly retainImages?: string;
  readonly forgetClass?: readonly number[];
  readonly keepClass?: readonly number[];
  readonly anchorClass?: number;
  readonly anchor?: string;
  readonly concept?: string;
  readonly heldBack?: readonly string[];
  readonly concepts?: string;
  readonly device: Device | 'auto';
  readonly threads?: number;
  readonly out?: string;
  readonly loraOut?: string;
  readonly data: string;
  readonly json?: true;
}

/** `erase-concept erase`: prepares a job and runs it. */
export function addEraseCommand(program: Command, context: CliContext): void {
  const command = program
    .command('erase')
    .description('Erase a concept from a checkpoint. The original is never changed.')
    .requiredOption(
      '--model <file>',
      'the checkpoint: one .safetensors file or a diffusers folder of SD 1.x, 2.x or SDXL, or of a pixel-space model' +
        ' (UNet2DModel)',
    )
    .optionsGroup('What to forget and what to keep:')
    .option(
      '--forget <prompt...>',
      'prompts that draw the concept, in several wordings; "PROMPT => ANCHOR" says what one is steered to',
    )
    .option(
      '--forget-images <folder>',
      'pictures of it, with captions in NAME.txt, .caption or .json',
    )
    .option('--retain <prompt...>', 'prompts to keep (default: a neutral set and the anchors)')
    .option('--retain-images <folder>', 'pictures to keep, with captions likewise')
    .option(
      '--anchor <prompt>',
      'what all forgotten prompts are steered to (default: each without the concept)',
    )
    .addOption(
      classesOption('--forget-class <n...>', 'classes to forget, of a model that has classes'),
    )
    .addOption(classesOption('--keep-class <n...>', 'classes to keep (default: all others)'))
    .option(
      '--anchor-class <n>',
      'the class that all forgotten ones are steered to (default: kept ones, drawn anew for each picture)',
      wholeNumber(0),
    )
    .option('--concept <words>', 'what the forget prompts are about (default: what they share)')
    .option(
      '--held-back <prompt...>',
      'further wordings, never trained on, that the result is measured by (default: those of the preset)',
    )
    .option(
      '--concepts <file>',
      'several concepts in one run: a YAML list of entries with name, forget, anchor, neighbours and images',
    )
    .option('--preset <name>', 'take these from a preset: see the command presets')
    .option('--set <name=value>', "fill in a preset's variable; may be repeated", assignment);
  command.optionsGroup('What the model is drawn with:');
  addCompanionOptions(command);
  addSettingsOptions(command);
  command.optionsGroup('Who judges the result, besides the model itself:');
  addJudgeOptions(command);
  command
    .optionsGroup('Where:')
    .addOption(deviceOption())
    .addOption(threadsOption())
    .option(
      '--out <file>',
      "the result, a file or a folder as the model is (default: MODEL-without-CONCEPT beside it); with --output lora the LoRA file (default: in the job's folder)",
    )
    .option(
      '--lora-out <file>',
      "the LoRA file beside a checkpoint, with --output both (default: in the job's folder)",
    )
    .addOption(dataOption(context.config.dataFolder))
    .addOption(jsonOption())
    .addHelpText('after', endingHelp)
    .action((options: EraseOptions) => erase(options, context));
}

async function erase(options: EraseOptions, context: CliContext): Promise<void> {
  await withCancelNotice(context.terminal, async (interrupts) => {
    // Before the model is read, which takes long.
    await requireJobsFolder(options.data);
    // Loaded here, not at the start: other commands need not wait for it.
    const { prepareJob } = await import('../../jobs/request/prepare-job.ts');
    const { readConceptsFile } = await import('../../erase/read-concepts.ts');
    const concepts = options.concepts === undefined ? [] : await readConceptsFile(options.concepts);
    const preparing = prepareJob(
      { ...readRequest(options), concepts },
      {
        dataFolder: options.data,
        presetFolders: presetFolders(options.data),
        chooseDevice: context.chooseDevice,
      },
    );
    const { draft, job } = await untilAborted(preparing, interrupts.cancel);
    const folder = await new FolderRepository(options.data).addPrepared(draft, job);
    await runToTheEnd(folder, { context, interrupts, json: options.json === true });
  });
}

function isByClass({ forgetClass, keepClass, anchorClass }: EraseOptions): boolean {
  return [forgetClass, keepClass, anchorClass].some((given) => given !== undefined);
}

function readRequest(options: EraseOptions): EraseRequest {
  return {
    model: options.model,
    preset: options.preset,
    variables: options.set ?? {},
    forget: [...(options.forget ?? []), ...(options.forgetClass ?? []).map(classPrompt)],
    isByClass: isByClass(options),
    forgetImages: options.forgetImages,
    retain: [...(options.retain ?? []), ...(options.keepClass ?? []).map(classPrompt)],
    retainImages: options.retainImages,
    anchor: options.anchorClass === undefined ? options.anchor : classPrompt(options.anchorClass),
    concept: options.concept,
    heldBack: options.heldBack ?? [],
    vae: companionsIn(options).vae ?? undefined,
    baseLoras: options.baseLora ?? [],
    embeddings: options.forgetEmbedding ?? [],
    settings: readSettings(options),
    judges: readJudge(options),
    device: options.device,
    threads: options.threads,
    output: options.out,
    loraOutput: options.loraOut,
  };
}
