import type { EraseSettings, Method, TrainSet } from '../erase/job.ts';

/** What each set of trained parameters is, as the end of a sentence. */
export const trainSetTitles: Readonly<Record<TrainSet, string>> = {
  full: 'all parameters of the UNet',
  xattn: 'the cross-attention layers of the UNet, which read the prompt',
  'xattn-strict': 'keys and values of the cross-attention layers of the UNet',
  noxattn: 'the UNet without its cross-attention, time and output layers',
  selfattn: 'the self-attention layers of the UNet',
  notime: 'the UNet without its time and output layers',
};

const methodTitles: Readonly<Record<Method, string>> = {
  erasediff: 'EraseDiff (Wu et al., arXiv 2401.05779)',
  siss: 'SISS (Alberti et al., arXiv 2503.01034)',
};

/** Every setting that decides what the result is, with its name and value for people. */
export function describeSettings(settings: EraseSettings): readonly (readonly [string, string])[] {
  return [
    ['Method', methodTitles[settings.method]],
    ['Trained', trainSetTitles[settings.train]],
    ['Outer steps', String(settings.steps)],
    ['Learning rate', String(settings.learningRate)],
    ['Optimizer', describeParts(settings.optimizer)],
    ...describeMethod(settings),
    ['Largest gradient norm', String(settings.clipNorm ?? 'none')],
    ['Batch', `${settings.batch}, ${settings.accumulation} for each step`],
    ['Retaining holds to', settings.retainTarget],
    ['Picture size', `${settings.size} × ${settings.size}`],
    ['Seed', String(settings.seed)],
    [
      'Pictures drawn by the model',
      `${settings.method === 'siss' ? '' : `${settings.generatedForget} to forget, `}${settings.generatedRetain} to keep, where no folder was given`,
    ],
    ['Sampling', `${settings.generationSteps} steps, guidance ${settings.guidanceScale}`],
  ];
}

function describeMethod(settings: EraseSettings): readonly (readonly [string, string])[] {
  if (settings.method === 'siss') {
    return [
      ['Share of pictures to forget, λ', String(settings.mixture)],
      ['Norm of the forgetting gradient', String(settings.forgetNorm)],
      ['First timestep', String(settings.firstTimestep)],
    ];
  }
  return [
    ['Inner steps', String(settings.innerSteps)],
    ['Inner learning rate', String(settings.innerLearningRate)],
    ['Inner optimizer', describeParts(settings.innerOptimizer)],
    ['Rule for λ', describeParts(settings.rule)],
    ['Forgetting steers to', settings.target],
  ];
}

function describeParts({ kind, ...parts }: { readonly kind: string }): string {
  const listed = Object.entries(parts).map(([name, value]) => `${name} ${String(value)}`);
  return listed.length > 0 ? `${kind} (${listed.join(', ')})` : kind;
}
