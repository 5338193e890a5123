import { answerQuestion } from '../processes/ask-process.ts';
import { evaluateModels, type EvaluateOptions } from './evaluate-models.ts';

// The program of the process that draws and judges for `evaluate`: it can be ended at any moment.
answerQuestion((question, tell) => evaluateModels(question as EvaluateOptions, tell));
