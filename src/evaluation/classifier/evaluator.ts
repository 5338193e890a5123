import type { Evaluator } from '../evaluator.ts';

/** Any classifiers of pictures in `.onnx` files, each with the classes that count as the concept. */
export const classifierEvaluator: Evaluator = {
  id: 'classifier',
  words: {
    title: 'Classifiers of pictures',
    help: 'ONNX files with labels: how often they see the concept, and what kept prompts name.',
  },
  sees: 'pictures',
  seesProbes: true,
  isAsked: ({ classifiers = [] }) => classifiers.length > 0,
  open: async (settings) => {
    const { openClassifiers } = await import('./judge.ts');
    return openClassifiers(settings);
  },
};
