import { answerQuestion } from '../processes/ask-process.ts';
import { askLikelihood, type LikelihoodOptions } from './ask-likelihood.ts';

// The program of the process that computes for `likelihood`: it can be ended at any moment.
answerQuestion((question, tell) => askLikelihood(question as LikelihoodOptions, tell));
