import { hasStrength } from '../../adapters/settings.ts';
import { descentCopies, descentStateSets, maskWork } from '../../descent/descent-cost.ts';
import { momentNames } from '../../optim/update-rule.ts';
import { descentDefaults, generatedForget } from '../default-settings.ts';
import type { DefaultsFacts, TrainingMethod } from '../method.ts';
import { defaultOptimizers } from '../settings-fields.ts';
import {
  defaultRules,
  defaultTargets,
  type EraseDiffSettings,
  eraseDiffSettings,
  flatSettings,
  innerLoopOf,
  lowRankTarget,
} from './settings.ts';

/** EraseDiff (Wu et al., arXiv 2401.05779). */
export const eraseDiff: TrainingMethod<EraseDiffSettings> = {
  id: 'erasediff',
  uses: 'unet',
  words: {
    name: 'EraseDiff',
    title: 'EraseDiff (Wu et al., arXiv 2401.05779)',
    choice: 'EraseDiff: a concept',
    help: 'EraseDiff steers prompts to what you keep, for a concept, a style, an object.',
    watching:
      'Both are held against the original. The first falls as forgotten prompts come to draw something else, the second stays low while what is kept stays.',
    losses:
      'The forget loss is how far predictions under forgotten prompts are from where they are steered to; the retain loss how far those under kept prompts are from what they should stay. λ weighs forgetting against keeping.',
  },
  forgets: 'concept',
  steersToAnchors: ({ target }) => target.kind !== 'uniform',
  steersToKept: ({ anchors }) => anchors === 'kept',
  pictures: ['forget', 'retain'],
  figures: ['retainLoss', 'forgetLoss', 'lambda', 'retainCosine', 'forgetCosine'],
  settings: eraseDiffSettings,
  flat: flatSettings,

  defaults(facts) {
    const shared = descentDefaults(facts);
    return {
      ...shared,
      method: 'erasediff',
      until: 'steps',
      rule: defaultRules.constant,
      target: targetFor(facts, shared),
      forgetLoss: 'squared',
      anchors: facts.asks === 'classes' && facts.hasAnchors !== true ? 'kept' : 'own',
      generatedForget: generatedForget(facts),
    };
  },

  cost(settings, { gradient, prediction, trainedBytes }) {
    const { accumulation, adapter, target, retainTarget } = settings;
    const inner = innerLoopOf(settings);
    const steered = prediction * predictionsFor(target, hasStrength(adapter));
    const held = retainTarget === 'original' ? prediction : 0;
    const gap = inner ? prediction : 0;
    return {
      step:
        (inner?.steps ?? 0) * (gradient + steered) +
        accumulation * (2 * gradient + steered + held + gap),
      start: maskWork(settings, { pictures: settings.generatedForget, gradient }),
      parameterCopies:
        descentCopies(settings, trainedBytes) + (inner ? momentNames(inner.optimizer).length : 0),
    };
  },

  savings(settings) {
    const { rule } = settings;
    const inner = innerLoopOf(settings);
    if (!inner || momentNames(inner.optimizer).length === 0) return [];
    const change = { rule: { ...rule, innerOptimizer: defaultOptimizers.sgd } };
    return [{ change, words: 'take the inner steps with plain SGD' }];
  },

  stateSets: descentStateSets,

  async open(context) {
    const { openEraseDiff } = await import('./trainer.ts');
    return openEraseDiff(context);
  },
};

/** Where nothing is asked for, nothing else can be steered to than noise. */
function targetFor(
  { asks }: DefaultsFacts,
  { adapter }: Pick<EraseDiffSettings, 'adapter'>,
): EraseDiffSettings['target'] {
  if (asks === 'nothing') return defaultTargets.uniform;
  return hasStrength(adapter) ? lowRankTarget : defaultTargets.original;
}

/**
 * Predictions that a forget batch is steered by: under the anchor, and under the prompt itself where it is
 * led away from that or goes a part of the way only.
 */
function predictionsFor(target: EraseDiffSettings['target'], hasStrength: boolean): number {
  const isLedAway = target.kind === 'original' && target.overshoot > 0;
  return (target.kind === 'uniform' ? 0 : 1) + (isLedAway || hasStrength ? 1 : 0);
}
