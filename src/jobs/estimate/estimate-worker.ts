import { answerQuestion } from '../../processes/ask-process.ts';
import { estimateRun, type RunQuestion } from './estimate-run.ts';

answerQuestion((question) => estimateRun(question as RunQuestion));
