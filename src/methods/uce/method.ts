import { commonDefaults } from '../default-settings.ts';
import type { WeightsMethod } from '../method.ts';
import { type UceSettings, uceSettings } from './settings.ts';

/** A multiplication in double precision takes as long as two in single. */
const DOUBLE_WORK = 2;

/** UCE (Gandikota et al., arXiv 2308.14761). */
export const uce: WeightsMethod<UceSettings> = {
  id: 'uce',
  uses: 'weights',
  words: {
    name: 'UCE',
    title: 'UCE (Gandikota et al., arXiv 2308.14761)',
    choice: 'UCE: a concept, in seconds',
    help: 'UCE solves for new weights from prompts alone, in seconds and without pictures: for a first look, or many concepts at once.',
    watching: null,
    losses:
      "The keys and values of the cross-attention layers were solved for at once: those of forgotten prompts are as near as can be to their anchors', those of kept prompts to what they were.",
  },
  forgets: 'concept',
  asks: 'words',
  steersToAnchors: () => true,
  pictures: [],
  figures: [],
  train: 'xattn-strict',
  settings: uceSettings,

  /**
   * The scales are those of the authors' code. Its first release took the states of a prompt's last
   * token and of all behind it, its present one the last alone. On tiny-sd the style Pontilla was
   * still in 1.00 of the pictures with the last alone, in .00 with all.
   */
  defaults: (facts) => ({
    method: 'uce',
    eraseScale: 1,
    preserveScale: 1,
    regularization: 0.5,
    tokens: 'rest',
    ...commonDefaults(facts),
  }),

  /** Each weight meets a row of a square matrix; finding that takes a few more of its size. */
  cost(_settings, { trainedBytes, contextDim }) {
    const weights = trainedBytes / Float32Array.BYTES_PER_ELEMENT;
    return {
      step: DOUBLE_WORK * contextDim * (weights + 10 * contextDim ** 2),
      start: 0,
      parameterCopies: 0,
    };
  },

  async solve(context) {
    const { solveUce } = await import('./solve.ts');
    return solveUce(context);
  },
};
