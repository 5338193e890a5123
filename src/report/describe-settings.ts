import type { EraseSettings, TrainSet } from '../erase/job.ts';

/** What each set of trained parameters is, as the end of a sentence. */
export const trainSetTitles: Readonly<Record<TrainSet, string>> = {
  full: 'all parameters of the UNet',
  xattn: 'the cross-attention layers of the UNet, which read the prompt',
  noxattn: 'the UNet without its cross-attention, time and output layers',
  selfattn: 'the self-attention layers of the UNet',
  notime: 'the UNet without its time and output layers',
};

/** Every setting that decides what the result is, with its name and value for people. */
export function describeSettings(settings: EraseSettings): readonly (readonly [string, string])[] {
  return [
    ['Method', 'EraseDiff'],
    ['Trained', trainSetTitles[settings.train]],
    ['Outer steps', String(settings.steps)],
    ['Inner steps', String(settings.innerSteps)],
    ['Learning rate', `${settings.learningRate} (inner ${settings.innerLearningRate})`],
    ['Rule for λ', describeParts(settings.rule)],
    ['Optimizer', describeParts(settings.optimizer)],
    ['Inner optimizer', describeParts(settings.innerOptimizer)],
    ['Largest gradient norm', String(settings.clipNorm ?? 'none')],
    ['Batch', `${settings.batch}, ${settings.accumulation} for each step`],
    ['Forgetting steers to', settings.target],
    ['Retaining holds to', settings.retainTarget],
    ['Picture size', `${settings.size} × ${settings.size}`],
    ['Seed', String(settings.seed)],
    [
      'Pictures drawn by the model',
      `${settings.generatedForget} to forget, ${settings.generatedRetain} to keep, where no folder was given`,
    ],
    ['Sampling', `${settings.generationSteps} steps, guidance ${settings.guidanceScale}`],
  ];
}

function describeParts({ kind, ...parts }: { readonly kind: string }): string {
  const listed = Object.entries(parts).map(([name, value]) => `${name} ${String(value)}`);
  return listed.length > 0 ? `${kind} (${listed.join(', ')})` : kind;
}
