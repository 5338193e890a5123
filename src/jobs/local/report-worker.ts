import { answerQuestion } from '../../processes/ask-process.ts';
import { writeReport } from '../../report/write-report.ts';
import { openJobFolder } from './job-folder.ts';
import { StoredFolder } from './stored-folder.ts';

// The program of the process that writes a finished job's report anew, asked with the job's folder:
// pictures from outside are decoded here.
answerQuestion(async (question) => {
  const folder = await openJobFolder(question as string);
  const { attacks } = await new StoredFolder(folder.path).readStatus();
  await writeReport(folder.path, folder.job, await folder.readEvents(), attacks);
});
