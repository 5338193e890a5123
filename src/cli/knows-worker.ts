import { answerQuestion } from '../processes/ask-process.ts';
import { askModel, type KnowsOptions } from './ask-model.ts';

// The program of the process that draws and judges for `knows`: it can be ended at any moment.
answerQuestion((question, tell) => askModel(question as KnowsOptions, tell));
