import { answerQuestion } from '../processes/ask-process.ts';
import { type KnowsOptions, tellKnowledge } from './tell-knowledge.ts';

// The program of the process that draws and judges for `knows`: it can be ended at any moment.
answerQuestion((question, tell) => tellKnowledge(question as KnowsOptions, tell));
