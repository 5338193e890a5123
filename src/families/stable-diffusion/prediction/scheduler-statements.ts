import {
  meaningOf,
  type PredictionKind,
  quote,
  type Statement,
  truthOf,
  zeroSnrStatement,
} from './statement.ts';

/** Kinds of diffusers' schedulers that are no DDPM, by their class. */
const classes: readonly (readonly [RegExp, PredictionKind])[] = [
  [/flow|^LTX/i, 'flow'],
  [/^(EDM|Cosine|KarrasVe|ScoreSde)/, 'edm'],
];

/**
 * What a diffusers model's scheduler says of what the model predicts. Without a `prediction_type` it
 * says nothing: see {@link silentScheduler}.
 *
 * @param config contents of `scheduler/scheduler_config.json`
 * @param className the scheduler's class as model_index.json has it, if it does
 */
export function schedulerStatements(
  config: Readonly<Record<string, unknown>>,
  className: string | null,
): Statement[] {
  const where = (name: string) => `${name} ${quote(config[name])} in "scheduler_config.json"`;
  const given = [
    [config._class_name, where('_class_name')],
    [className, `the scheduler ${quote(className)} in "model_index.json"`],
  ] as const;
  const meaning = meaningOf(config.prediction_type);
  return [
    ...given.flatMap(([name, place]) => classStatement(name, place)),
    ...(meaning ? [{ ...meaning, where: where('prediction_type') }] : []),
    ...(truthOf(config.use_flow_sigmas) === true
      ? [{ prediction: 'flow', where: where('use_flow_sigmas') } as const]
      : []),
    ...(config.timestep_type === 'continuous'
      ? [{ prediction: 'edm', where: where('timestep_type') } as const]
      : []),
    ...zeroSnrStatement(config.rescale_betas_zero_snr, where('rescale_betas_zero_snr')),
  ];
}

function classStatement(name: unknown, where: string): Statement[] {
  if (typeof name !== 'string') return [];
  const found = classes.find(([pattern]) => pattern.test(name));
  return found ? [{ prediction: found[1], where }] : [];
}

/** What diffusers takes where the scheduler's config does not say: its classes' default. */
export const silentScheduler: Statement = {
  prediction: 'epsilon',
  where: 'diffusers takes it so where "scheduler_config.json" has no prediction_type',
};
