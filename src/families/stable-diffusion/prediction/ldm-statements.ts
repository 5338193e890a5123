import path from 'node:path';

import {
  meaningOf,
  type PredictionKind,
  quote,
  type Statement,
  zeroSnrName,
  zeroSnrStatement,
} from './statement.ts';

type Settings = Readonly<Record<string, unknown>>;

/**
 * What the config of an LDM or sgm model (CompVis' `v1-inference.yaml`, Stability AI's
 * `sd_xl_base.yaml`, the `sd_xl_v.yaml` of web UIs) says of what the model predicts. Classes are known
 * by their own name: forks keep them in other modules.
 *
 * @param model the config's `model`
 * @param configPath for messages
 */
export function ldmStatements(model: Settings, configPath: string): Statement[] {
  const params = settingsOf(model.params);
  const where = (what: string) => `${what} in "${path.basename(configPath)}"`;
  const denoiser = settingsOf(params.denoiser_config);
  const denoiserParams = settingsOf(denoiser.params);
  const discretization = settingsOf(denoiserParams.discretization_config);
  return [
    ...wordStatements(params, where),
    ...classStatement(model.target, { classes: modelClasses, where, fallback: null }),
    ...denoiserStatements(denoiser, denoiserParams, where),
    ...[params, denoiserParams, settingsOf(discretization.params)].flatMap((settings) =>
      Object.entries(settings)
        .filter(([name]) => zeroSnrName.test(name))
        .flatMap(([name, value]) => zeroSnrStatement(value, where(`${name} ${quote(value)}`))),
    ),
  ];
}

type Where = (what: string) => string;

function wordStatements(params: Settings, where: Where): Statement[] {
  return ['parameterization', 'prediction_type'].flatMap((name) => {
    const meaning = meaningOf(params[name]);
    return meaning ? [{ ...meaning, where: where(`${name} ${quote(params[name])}`) }] : [];
  });
}

/** Parts of a class's name and what it says; null: nothing. */
type Classes = readonly (readonly [RegExp, Omit<Statement, 'where'> | null])[];

const says = (prediction: PredictionKind) => ({ prediction });

const modelClasses: Classes = [
  [/flow/i, says('flow')],
  [/edm/i, says('edm')],
];
const denoiserClasses: Classes = [
  [/^Discrete/, null],
  // Its noise levels are no timesteps.
  [/^Denoiser$/, says('edm')],
  [/flow/i, says('flow')],
];
const discretizationClasses: Classes = [
  [/^LegacyDDPM/, null],
  [/^ZeroSNRDDPM/i, { zeroTerminalSnr: true }],
  [/^EDM/, says('edm')],
  [/flow/i, says('flow')],
];
/** Of the scalings, and of the loss's weightings. */
const scalingClasses: Classes = [
  [/edm/i, says('edm')],
  [/^Eps/, says('epsilon')],
  [/^V(Scaling|Weighting)$/, says('v_prediction')],
  [/flow/i, says('flow')],
  [/^(X0|Sample)/i, says('sample')],
];

function denoiserStatements(denoiser: Settings, params: Settings, where: Where): Statement[] {
  const known = (value: unknown, classes: Classes) =>
    classStatement(targetOf(value), { classes, where, fallback: { prediction: 'unknown' } });
  // How the loss is weighed says no more than how the output is scaled, where that is said.
  const scaling = params.scaling_config ?? params.weighting_config;
  return [
    ...known(denoiser, denoiserClasses),
    ...known(scaling, scalingClasses),
    ...known(params.discretization_config, discretizationClasses),
  ];
}

function classStatement(
  target: unknown,
  {
    classes,
    where,
    fallback,
  }: { classes: Classes; where: Where; fallback: Omit<Statement, 'where'> | null },
): Statement[] {
  if (typeof target !== 'string') return [];
  const name = target.split(/[.:]/).at(-1)?.trim() ?? '';
  const known = classes.find(([pattern]) => pattern.test(name));
  const said = known ? known[1] : fallback;
  return said ? [{ ...said, where: where(`the class ${quote(target)}`) }] : [];
}

/** A component: a mapping with a `target`, or its target alone. */
function targetOf(component: unknown): unknown {
  return typeof component === 'string' ? component : settingsOf(component).target;
}

function settingsOf(value: unknown): Settings {
  return typeof value === 'object' && value !== null ? (value as Settings) : {};
}
