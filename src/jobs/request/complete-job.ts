import type { Checkpoint } from '../../families/checkpoint.ts';
import { hashCheckpoint } from '../../families/checkpoint-hash.ts';
import { requireDiskSpace } from '../../checkpoint/disk-space.ts';
import { requireFiniteWeights } from '../../checkpoint/nan-scan.ts';
import { type EraseJob, jobSchema } from '../../erase/job.ts';
import { requireClassifier } from '../../evaluation/classifier/classifier.ts';
import type { EraseSettings } from '../../methods/registry.ts';
import { type PrepareEnvironment, requireValid, withErasable } from './draft-job.ts';
import type { JobDraft } from './job-draft.ts';
import { prepareOutput } from './prepare-output.ts';
import { requireMemory } from '../estimate/require-memory.ts';
import { stateBytes } from '../estimate/state-bytes.ts';

/** Disk left to the system and to the job's small files. */
const SPARE_DISK_BYTES = 256 * 1024 * 1024;

/**
 * Makes sure that a drafted job can run, which reads all of the model, and settles what was open:
 * its device and where the result goes.
 *
 * @throws AppError `checkpoint.*`, `model.unsupported`, `output.*`, `device.unavailable`,
 *   `judge.invalid`, `settings.too-large`
 */
export async function completeJob(
  draft: JobDraft,
  { dataFolder, chooseDevice }: Pick<PrepareEnvironment, 'dataFolder' | 'chooseDevice'>,
): Promise<Omit<EraseJob, 'id'>> {
  return withErasable(draft.model, draft.settings.prediction, async (checkpoint) => {
    const { file, facts } = checkpoint;
    const { concept, outputFolder, pictures: _pictures, ...rest } = draft;
    const output = await prepareOutput(file.path, {
      concept,
      wanted: draft.output ?? undefined,
      folder: outputFolder ?? undefined,
    });
    await requireDisk(checkpoint, { output, settings: draft.settings, dataFolder });
    const device = await chooseDevice(draft.device);
    for (const judge of draft.judges) await requireClassifier(judge);
    if (device === 'cpu') await requireMemory(checkpoint, draft.settings);
    await requireFiniteWeights(file, facts.tensors);
    const model = { path: file.path, sha256: await hashCheckpoint(file.path) };
    const { prediction } = facts;
    const outputIsGiven = draft.output !== null;
    const settled = { model, prediction, output, outputIsGiven, device };
    return requireValid(jobSchema.omit({ id: true }), { ...rest, ...settled });
  });
}

async function requireDisk(
  checkpoint: Checkpoint,
  { output, settings, dataFolder }: { output: string; settings: EraseSettings; dataFolder: string },
): Promise<void> {
  await requireDiskSpace(output, checkpoint.file.fileBytes + SPARE_DISK_BYTES, {
    purpose: 'the scrubbed model',
    setting: 'out',
  });
  await requireDiskSpace(dataFolder, stateBytes(checkpoint, settings) + SPARE_DISK_BYTES, {
    purpose: "the job's state",
    setting: 'data',
  });
}
