import { answerQuestion } from '../processes/ask-process.ts';
import { drawSamples, type SampleOptions } from './draw-samples.ts';

// The program of the process that draws for `sample`: it can be ended at any moment.
answerQuestion((question, tell) => drawSamples(question as SampleOptions, tell));
