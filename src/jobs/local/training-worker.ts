import { carryOutJob } from './carry-out-job.ts';
import { openJobFolder } from './job-folder.ts';
import { serveWorker } from './serve-worker.ts';

// The program of the training process: native code that aborts takes only this one with it.
serveWorker(async (jobFolder, io) => {
  await carryOutJob(await openJobFolder(jobFolder), io);
});
