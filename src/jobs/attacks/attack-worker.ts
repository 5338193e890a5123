import { answerQuestion } from '../../processes/ask-process.ts';
import { type AttackQuestion, attackResult } from './attack-result.ts';

// The program of the process that attacks a job's result: it can be ended at any moment, and answers what came.
answerQuestion((question, tell) =>
  attackResult(question as AttackQuestion, (done, total) => {
    tell({ done, total });
  }),
);
