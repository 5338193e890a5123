import * as z from 'zod';

import {
  count,
  countOrNone,
  defaultOptimizers,
  descentFields,
  field,
  optimizerChoices,
  optimizerSchema,
  positive,
  runFields,
  trainingFields,
} from '../settings-fields.ts';
import type { FlatSettings, LooseSettings } from '../method.ts';

const eta = (value: number) =>
  field(positive.default(value), {
    title: 'η',
    description:
      'What λ is found from: the largest cosine of the two gradients, or the share of the budget.',
  });

/** Of the budget η·(L_f(θ) − L_f(φ_K)): no other rule reads φ_K. */
const innerFields = {
  innerSteps: field(count.default(1), {
    title: 'Inner steps',
    unit: 'steps',
    description:
      'Steps of forgetting alone from the present model, before each step; what they gain is the gap.',
  }),
  innerLearningRate: field(positive.nullable().default(null), {
    title: 'Inner learning rate',
    description: 'Of the inner steps. None: the learning rate.',
    option: 'inner-lr',
  }),
  innerOptimizer: field(optimizerSchema.default(defaultOptimizers.adam), {
    title: 'Inner optimizer',
    description: 'Of the inner steps.',
    choices: optimizerChoices,
  }),
};

const constant = z.object({
  kind: z.literal('constant'),
  lambda: field(z.number().min(0).default(1), {
    title: 'λ',
    description: 'The weight of forgetting against keeping.',
  }),
});
const cosine = z.object({ kind: z.literal('cosine'), eta: eta(0.1) });
const budget = <T extends string>(kind: T) =>
  field(z.literal(kind), {
    title: 'Budget',
    description:
      'What η is a share of: norm (|∇L_f|²), or gap (what inner steps gain on the forget loss).',
  });
const projectionFields = { kind: z.literal('projection'), eta: eta(0.5) };
const projection = z.discriminatedUnion('budget', [
  z.object({ ...projectionFields, budget: budget('norm') }),
  z.object({ ...projectionFields, budget: budget('gap'), ...innerFields }),
]);

/** λ of the outer step: see `LambdaRule`. */
const ruleSchema = z.discriminatedUnion('kind', [constant, cosine, projection]);
type Rule = z.infer<typeof ruleSchema>;

/** Each rule for λ as it is taken where only its name is given. */
export const defaultRules = {
  constant: constant.parse({ kind: 'constant' }),
  cosine: cosine.parse({ kind: 'cosine' }),
  projection: projection.parse({ kind: 'projection', budget: 'norm' }),
} satisfies Record<Rule['kind'], Rule>;

/** Settings of EraseDiff. */
export const eraseDiffSettings = z.strictObject({
  method: z.literal('erasediff'),
  ...trainingFields,
  ...descentFields,
  rule: field(ruleSchema, {
    title: 'Weight of forgetting',
    description: 'How λ, the weight of forgetting against keeping, is found in each step.',
    choices: {
      constant: 'Constant',
      cosine: 'Cosine, as the published code',
      projection: 'Projection, as the paper',
    } satisfies Record<Rule['kind'], string>,
  }),
  // With the model's own predictions the anchors drift along with what is forgotten. Vehicles taken out
  // of a small model of emoji (`npm run bench:anchors`) were then drawn in the style as asked for .79 of
  // .94, with the original's predictions .90; but .21 of them still showed instead of none, and a style
  // of tiny-sd from pictures .100 instead of .000 (`npm run bench:erase`). Neither is right for both yet.
  target: field(z.enum(['anchor', 'original', 'uniform']), {
    title: 'Forgetting steers to',
    description: 'What predictions under forgotten prompts become.',
    isRare: true,
    choices: {
      anchor: 'The prediction under the anchor prompt',
      original: "The original model's prediction under it",
      uniform: 'Noise from 0 to 1',
    },
  }),
  generatedForget: field(count, {
    title: 'Pictures drawn to forget',
    unit: 'pictures',
    description: 'By the model itself, where you gave none.',
    group: 'pictures',
  }),
  ...runFields,
});
export type EraseDiffSettings = z.infer<typeof eraseDiffSettings>;

/** The inner loop beside the rule, where it stood before it belonged to the rule that reads it. */
export const flatSettings: FlatSettings = {
  fields: {
    innerSteps: countOrNone,
    innerLearningRate: positive,
    innerOptimizer: optimizerSchema,
  },
  fold({ innerSteps, innerLearningRate, innerOptimizer, ...settings }) {
    const { rule } = settings;
    if (!readsInnerLoop(rule)) return settings;
    const inner = { innerSteps, innerLearningRate, innerOptimizer };
    const given = Object.entries(inner).filter(([, value]) => value !== undefined);
    return { ...settings, rule: { ...Object.fromEntries(given), ...rule } };
  },
  unread({ rule, innerSteps }) {
    if (readsInnerLoop(rule) || innerSteps === undefined || innerSteps === 0) return null;
    return 'Inner steps change nothing but with the rule "projection" and the budget "gap", which alone read where they end: they are left out.';
  },
};

/** Whether a rule, of whatever else, is the one that reads φ_K. */
function readsInnerLoop(rule: unknown): rule is LooseSettings {
  return typeof rule === 'object' && rule !== null && 'budget' in rule && rule.budget === 'gap';
}

/** The inner loop of a rule; null where nothing would read it. */
export function innerLoopOf({ rule, learningRate }: EraseDiffSettings) {
  if (rule.kind !== 'projection' || rule.budget !== 'gap') return null;
  const { innerSteps, innerLearningRate, innerOptimizer } = rule;
  return {
    steps: innerSteps,
    learningRate: innerLearningRate ?? learningRate,
    optimizer: innerOptimizer,
  };
}
