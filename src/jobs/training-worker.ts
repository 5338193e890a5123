import { runJob } from '../erase/run.ts';
import { openJobFolder } from './job-folder.ts';
import { serveWorker } from './serve-worker.ts';

// The program of the training process: native code that aborts takes only this one with it.
serveWorker(async (jobFolder, io) => {
  const folder = await openJobFolder('', jobFolder);
  const { job, path } = folder;
  const past = await folder.readEvents();
  io.onEvent({ event: 'job', job: job.id, folder: path, output: job.output });
  await runJob(job, path, { ...io, past });
});
