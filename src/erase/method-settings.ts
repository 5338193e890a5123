import type { EraseSettings, Method } from './job.ts';

/** What each method takes that the other does not; SISS draws nothing to forget, it is given it. */
const ownSettings = {
  erasediff: [
    'innerSteps',
    'innerLearningRate',
    'innerOptimizer',
    'rule',
    'target',
    'generatedForget',
  ],
  siss: ['mixture', 'forgetNorm', 'firstTimestep'],
} as const satisfies Record<Method, readonly (keyof EraseSettings)[]>;

/** Settings that mean nothing to a method: the other's own. */
export function foreignSettings(method: Method): readonly (keyof EraseSettings)[] {
  return ownSettings[otherMethod(method)];
}

export function otherMethod(method: Method): Method {
  return method === 'siss' ? 'erasediff' : 'siss';
}

/** Those that decide what the result is, but for the method and the prediction, which a job names. */
export function trainingSettings(settings: EraseSettings): Partial<EraseSettings> {
  const without = new Set<string>([
    ...['method', 'prediction', 'sampleEvery', 'evaluationPictures', 'saveEvery'],
    ...foreignSettings(settings.method),
  ]);
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !without.has(name)));
}
