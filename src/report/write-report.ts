import path from 'node:path';

import { replaceFile } from '../checkpoint/atomic-file.ts';
import { hashCheckpoint } from '../families/checkpoint-hash.ts';
import { measureModel } from '../families/model-on-disk.ts';
import { pathExists } from '../checkpoint/output-path.ts';
import { conceptName, deriveConcept } from '../erase/anchors.ts';
import type { JobAttack } from '../contract/attack-view.ts';
import type { EraseEvent, SampleEvent } from '../erase/events.ts';
import type { EraseJob } from '../erase/job.ts';
import { stepsOf } from '../methods/registry.ts';
import { stepsOfResult } from '../erase/result.ts';
import { drawnFolderOf } from '../erase/set-pictures.ts';
import { embedPicture } from './embed-picture.ts';
import { tellStory } from './job-story.ts';
import { choosePictures, type ReportPictures } from './report-content.ts';
import { renderReport, type ReportedModel } from './report-page.ts';

/** Of embedded pictures, in pixels: what their places in the page show on a sharp screen. */
const pairSize = 384;
const stripSize = 176;

/**
 * Writes a finished job's `report.html`, replacing an earlier one; reads all of the scrubbed model
 * for its hash.
 *
 * @param events everything that happened, of all runs
 * @param attacks on its result
 */
export async function writeReport(
  folder: string,
  job: EraseJob,
  events: readonly EraseEvent[],
  attacks: readonly JobAttack[] = [],
): Promise<void> {
  const story = tellStory(events);
  const pictures = choosePictures(job, story);
  const page = renderReport({
    job,
    ...{ story, attacks },
    concept: conceptName(
      deriveConcept(
        job.forget.map(({ prompt }) => prompt),
        job.retain,
      ),
    ),
    original: await describeModel(job.model.path, job.model.sha256),
    result: await describeModel(job.output, await hashCheckpoint(job.output)),
    steps: (await stepsOfResult(job)) ?? stepsOf(job.settings),
    finishedAt: new Date(),
    pictures,
    isDrawnByHost: await pathExists(drawnFolderOf(folder)),
    embedded: await embedPictures(path.join(folder, 'samples'), pictures),
  });
  await replaceFile(path.join(folder, 'report.html'), page);
}

async function describeModel(file: string, sha256: string): Promise<ReportedModel> {
  const size = await measureModel(file);
  return { name: path.basename(file), sha256, bytes: size?.bytes ?? 0 };
}

async function embedPictures(
  samplesFolder: string,
  { pairs, strips, strengths }: ReportPictures,
): Promise<Map<string, string>> {
  const embedded = new Map<string, string>();
  const embed = async ({ file }: SampleEvent, size: number) => {
    // By name: the job's folder may have been moved since.
    const address = await embedPicture(path.join(samplesFolder, path.basename(file)), size);
    if (address !== null) embedded.set(file, address);
  };
  for (const sample of strips.flat()) await embed(sample, stripSize);
  for (const { sample } of strengths.flat()) await embed(sample, stripSize);
  // Larger ones last: a picture that stands in both places is kept so.
  for (const { before, after } of [...pairs.forget, ...pairs.retain]) {
    await embed(before, pairSize);
    await embed(after, pairSize);
  }
  return embedded;
}
