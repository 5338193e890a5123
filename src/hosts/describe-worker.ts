import { answerQuestion } from '../processes/ask-process.ts';
import { readDescription } from './describe-model.ts';

// The program of a process that reads a large header, which takes up to half a second.
answerQuestion((path) => readDescription(path as string));
