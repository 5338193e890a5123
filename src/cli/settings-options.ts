import { type Command, Option } from 'commander';

import type { PredictionWish } from '../checkpoint/prediction/reading.ts';
import {
  defaultOptimizers,
  defaultRules,
  usualDefaults as defaults,
} from '../erase/default-settings.ts';
import { type EraseSettings, type Method, methods, trainSets } from '../erase/job.ts';
import { AppError } from '../errors.ts';
import { predictionOption } from './common-options.ts';
import { positiveNumber, positiveOrNone, realNumber, wholeNumber } from './parse-option.ts';

/** What commander makes of the options below. */
export interface SettingsOptions {
  readonly method?: Method;
  readonly train?: EraseSettings['train'];
  readonly steps?: number;
  readonly innerSteps?: number;
  readonly lr?: number;
  readonly innerLr?: number;
  readonly batch?: number;
  readonly accumulation?: number;
  readonly seed?: number;
  readonly size?: number;
  readonly rule?: keyof typeof defaultRules;
  readonly lambda?: number;
  readonly eta?: number;
  readonly budget?: 'norm' | 'gap';
  readonly optimizer?: keyof typeof defaultOptimizers;
  readonly innerOptimizer?: keyof typeof defaultOptimizers;
  readonly clip?: number | null;
  readonly target?: EraseSettings['target'];
  readonly retainTarget?: EraseSettings['retainTarget'];
  readonly mixture?: number;
  readonly forgetNorm?: number;
  readonly firstTimestep?: number;
  readonly generatedForget?: number;
  readonly generatedRetain?: number;
  readonly generationSteps?: number;
  readonly cfg?: number;
  readonly sampleEvery?: number;
  readonly evaluate?: number;
  readonly saveEvery?: number;
  readonly prediction?: PredictionWish;
}

const ruleNames = Object.keys(defaultRules);
const optimizerNames = Object.keys(defaultOptimizers);

const optionsByGroup: Readonly<Record<string, readonly Option[]>> = {
  // What the help tells are the defaults for SD 1.x.
  'Training (a tiny model has defaults of its own):': [
    new Option(
      '--method <name>',
      `erasediff forgets a concept; siss the very pictures of --forget-images, and has defaults of its own (default: ${defaults.method})`,
    ).choices(methods),
    new Option(
      '--train <set>',
      `UNet parameters that change: full (all), xattn (layers that read the prompt), xattn-strict (their keys and values only), noxattn (all but the layers that read the prompt), selfattn, notime (all but time and output layers) (default: ${defaults.train})`,
    ).choices(trainSets),
    new Option('--steps <n>', `outer steps (default: ${defaults.steps})`).argParser(wholeNumber(1)),
    new Option(
      '--inner-steps <k>',
      `inner steps of forgetting before each outer one, 0 for none (default: ${defaults.innerSteps})`,
    ).argParser(wholeNumber(0)),
    new Option(
      '--lr <x>',
      'learning rate of the outer steps (default: 1e-5, with full, noxattn and notime half of it)',
    ).argParser(positiveNumber),
    new Option('--batch <n>', `images of one gradient (default: ${defaults.batch})`).argParser(
      wholeNumber(1),
    ),
    new Option(
      '--size <pixels>',
      "width and height of the images (default: the model's own)",
    ).argParser(wholeNumber(1)),
    new Option(
      '--seed <n>',
      `0 to 4294967295; the same seed repeats a run (default: ${defaults.seed})`,
    ).argParser(wholeNumber(0)),
  ],
  'Advanced training:': [
    predictionOption(),
    new Option(
      '--rule <name>',
      `how λ, the weight of forgetting, is found: constant; cosine (as the published code); projection (as the paper) (default: ${defaults.rule.kind})`,
    ).choices(ruleNames),
    new Option(
      '--lambda <x>',
      `λ of the constant rule (default: ${defaultRules.constant.lambda})`,
    ).argParser(realNumber(0)),
    new Option(
      '--eta <x>',
      `η of the other rules (default: cosine ${defaultRules.cosine.eta}, projection ${defaultRules.projection.eta})`,
    ).argParser(positiveNumber),
    new Option(
      '--budget <kind>',
      `what η is multiplied with in the projection rule: norm (|∇L_f|²) or gap (of the forget loss) (default: ${defaultRules.projection.budget})`,
    ).choices(['norm', 'gap']),
    new Option(
      '--optimizer <name>',
      `of the outer steps (default: ${defaults.optimizer.kind})`,
    ).choices(optimizerNames),
    new Option(
      '--inner-optimizer <name>',
      `of the inner steps (default: ${defaults.innerOptimizer.kind})`,
    ).choices(optimizerNames),
    new Option('--inner-lr <x>', 'learning rate of the inner steps (default: as --lr)').argParser(
      positiveNumber,
    ),
    new Option(
      '--clip <norm>',
      `largest norm of the outer gradient, or none (default: ${defaults.clipNorm ?? 'none'})`,
    ).argParser(positiveOrNone),
    new Option(
      '--accumulation <n>',
      `gradients averaged into one step (default: ${defaults.accumulation})`,
    ).argParser(wholeNumber(1)),
    new Option(
      '--target <kind>',
      `what forgetting steers to: anchor (the prediction under the anchor prompt) or uniform (noise from 0 to 1) (default: ${defaults.target})`,
    ).choices(['anchor', 'uniform']),
    new Option(
      '--retain-target <kind>',
      `what retaining holds to: noise (that was added) or original (the original's prediction) (default: ${defaults.retainTarget})`,
    ).choices(['noise', 'original']),
    new Option(
      '--mixture <share>',
      `siss: share of noisy latents that are made of pictures to forget (default: ${defaults.mixture})`,
    ).argParser(positiveNumber),
    new Option(
      '--forget-norm <x>',
      `siss: the norm that the forgetting gradient is brought to, at 512 pixels (default: ${defaults.forgetNorm})`,
    ).argParser(positiveNumber),
    new Option(
      '--first-timestep <t>',
      `siss: noisy latents are of this timestep and later ones (default: ${defaults.firstTimestep})`,
    ).argParser(wholeNumber(0)),
    new Option(
      '--save-every <n>',
      'save the state every n outer steps (default: as often as costs 5 % of the time)',
    ).argParser(wholeNumber(1)),
  ],
  'Pictures that the model draws itself:': [
    new Option(
      '--generated-forget <n>',
      `to forget, without --forget-images (default: ${defaults.generatedForget})`,
    ).argParser(wholeNumber(1)),
    new Option(
      '--generated-retain <n>',
      `to retain, without --retain-images (default: ${defaults.generatedRetain})`,
    ).argParser(wholeNumber(1)),
    new Option(
      '--generation-steps <n>',
      `sampling steps of each (default: ${defaults.generationSteps})`,
    ).argParser(wholeNumber(1)),
    new Option('--cfg <x>', `guidance scale (default: ${defaults.guidanceScale})`).argParser(
      realNumber(1),
    ),
  ],
  'What a run shows of itself:': [
    new Option(
      '--sample-every <n>',
      `draw some forgotten and kept prompts before, every n outer steps and after, 0 for never (default: ${defaults.sampleEvery})`,
    ).argParser(wholeNumber(0)),
    new Option(
      '--evaluate [n]',
      `measure at the end what was erased and kept, with n pictures of each chosen prompt (default: ${defaults.evaluationPictures}, without n: 1)`,
    )
      .preset('1')
      .argParser(wholeNumber(0)),
  ],
};

/** Adds the options of a job's settings, in groups. */
export function addSettingsOptions(command: Command): void {
  for (const [group, options] of Object.entries(optionsByGroup)) {
    for (const option of options) command.addOption(option.helpGroup(group));
  }
}

/**
 * The settings that were given; all others are left to the preset and the defaults.
 *
 * @throws AppError `usage.invalid` where options contradict each other
 */
export function readSettings(options: SettingsOptions): Partial<EraseSettings> {
  const { optimizer, innerOptimizer } = options;
  return withoutUndefined({
    method: options.method,
    train: options.train,
    steps: options.steps,
    innerSteps: options.innerSteps,
    learningRate: options.lr,
    innerLearningRate: options.innerLr,
    rule: readRule(options),
    optimizer: optimizer && defaultOptimizers[optimizer],
    innerOptimizer: innerOptimizer && defaultOptimizers[innerOptimizer],
    clipNorm: options.clip,
    batch: options.batch,
    accumulation: options.accumulation,
    target: options.target,
    retainTarget: options.retainTarget,
    mixture: options.mixture,
    forgetNorm: options.forgetNorm,
    firstTimestep: options.firstTimestep,
    size: options.size,
    seed: options.seed,
    generatedForget: options.generatedForget,
    generatedRetain: options.generatedRetain,
    generationSteps: options.generationSteps,
    guidanceScale: options.cfg,
    sampleEvery: options.sampleEvery,
    evaluationPictures: options.evaluate,
    saveEvery: options.saveEvery,
    prediction: options.prediction,
  });
}

/** Which options belong to which rule. */
const ruleOptions = {
  constant: ['lambda'],
  cosine: ['eta'],
  projection: ['eta', 'budget'],
} as const satisfies Record<keyof typeof defaultRules, readonly string[]>;

function readRule(options: SettingsOptions): EraseSettings['rule'] | undefined {
  const { lambda, eta, budget } = options;
  const kind = options.rule ?? impliedRule(options);
  if (kind === undefined) return undefined;
  const given = withoutUndefined({ lambda, eta, budget });
  const known: readonly string[] = ruleOptions[kind];
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    throw new AppError(
      'usage.invalid',
      `--${name} does not belong to the rule "${kind}", which takes --${known.join(' and --')}.`,
    );
  }
  // Of the rule's form, since nothing but its own options is left; the job's schema checks values.
  return { ...defaultRules[kind], ...given };
}

/** The rule that an option names by belonging to it alone. */
function impliedRule({ lambda, eta, budget }: SettingsOptions): SettingsOptions['rule'] {
  if (lambda !== undefined) return 'constant';
  if (budget !== undefined) return 'projection';
  if (eta === undefined) return undefined;
  throw new AppError('usage.invalid', '--eta needs --rule: cosine or projection.');
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(value: T): Defined<T> {
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(entries) as Defined<T>;
}
