import { answerQuestion } from '../../processes/ask-process.ts';
import { chooseDevice } from '../../runtime/probe-device.ts';
import { prepareFolder } from './prepare-folder.ts';

/** What the process that makes a job ready to run is asked. */
export interface PrepareQuestion {
  /** The job's. */
  readonly folder: string;
  readonly dataFolder: string;
}

// The program of that process, which reads all of the model.
answerQuestion(async (question) => {
  const { folder, dataFolder } = question as PrepareQuestion;
  await prepareFolder(folder, { dataFolder, chooseDevice });
});
