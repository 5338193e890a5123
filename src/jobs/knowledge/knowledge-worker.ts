import { answerQuestion } from '../../processes/ask-process.ts';
import { askModel, type ModelQuestion } from './ask-model.ts';

// The program of the process that draws and judges for a question: it can be ended at any moment.
answerQuestion((question, tell) =>
  askModel(question as ModelQuestion, {
    onRemark: () => undefined,
    onProgress: (done, total) => {
      tell({ done, total });
    },
  }),
);
