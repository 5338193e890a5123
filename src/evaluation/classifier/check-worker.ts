import { answerQuestion } from '../../processes/ask-process.ts';
import type { ClassifierChoice } from './classifier-choice.ts';
import { requireClassifier } from './classifier.ts';

// The program of the process that tries a classifier that somebody gave to the server.
answerQuestion((choice) => requireClassifier(choice as ClassifierChoice));
