import { answerQuestion } from '../processes/ask-process.ts';
import { attackModels, type AttackOptions } from './attack-models.ts';

// The program of the process that attacks and judges for `attack`: it can be ended at any moment.
answerQuestion((question, tell) => attackModels(question as AttackOptions, tell));
