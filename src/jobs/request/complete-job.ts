import type { Checkpoint } from '../../families/checkpoint.ts';
import { hashCheckpoint } from '../../families/checkpoint-hash.ts';
import { requireDiskSpace } from '../../checkpoint/disk-space.ts';
import { requireFiniteWeights } from '../../checkpoint/nan-scan.ts';
import type { JobCompanions } from '../../erase/companions.ts';
import { type EraseJob, jobSchema } from '../../erase/job.ts';
import { requireClassifier } from '../../evaluation/classifier/classifier.ts';
import { AppError } from '../../errors.ts';
import { usualLoraFolder } from '../../hosts/usual-lora-folder.ts';
import { trainingOf } from '../../methods/registry.ts';
import type { Output } from '../../methods/settings-fields.ts';
import { type PrepareEnvironment, requireValid, withErasable } from './draft-job.ts';
import type { JobDraft } from './job-draft.ts';
import { prepareLoraOutput, prepareOutput } from './prepare-output.ts';
import { largestBufferOf } from '../estimate/largest-buffer.ts';
import { requireBuffers } from '../estimate/require-buffers.ts';
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
  const opened = { ...draft, prediction: draft.settings.prediction };
  return withErasable(draft.model, opened, async (checkpoint) => {
    const { file, facts } = checkpoint;
    const { outputFolder, loraFolder, pictures: _pictures, ...rest } = draft;
    const { concept } = rest;
    const result = trainingOf(draft.settings)?.output ?? 'checkpoint';
    const wanted = draft.output ?? undefined;
    const output =
      result === 'lora'
        ? await prepareLoraOutput(
            file.path,
            { concept, wanted, folder: loraFolder ?? (await usualLoraFolder(file.path)) },
            'out',
          )
        : await prepareOutput(file.path, { concept, wanted, folder: outputFolder ?? undefined });
    const loraOutput = await loraBeside(file.path, draft, result);
    await requireDisk(checkpoint, {
      ...{ draft, dataFolder },
      output: result === 'lora' ? null : output,
    });
    const device = await chooseDevice(draft.device);
    for (const judge of draft.judges) await requireClassifier(judge);
    if (device === 'cpu') await requireMemory(checkpoint, draft.settings);
    const limitBytes = await largestBufferOf(device, dataFolder);
    await requireBuffers(checkpoint, draft.settings, { device, limitBytes });
    await requireFiniteWeights(file, facts.tensors);
    await checkpoint.codec.requireFitting({ device: 'cpu', threads: draft.threads });
    const model = await fileOf(file.path);
    const { prediction } = facts;
    const outputIsGiven = draft.output !== null;
    const settled = { model, prediction, output, outputIsGiven, loraOutput, device };
    const companions = await companionsIn(draft);
    return requireValid(jobSchema.omit({ id: true }), { ...rest, ...settled, ...companions });
  });
}

/** What the model is run with, as it is now. */
async function companionsIn({ vae, baseLoras, embeddings }: JobDraft): Promise<JobCompanions> {
  const loras = baseLoras.map(async ({ path: lora, strength }) => ({
    ...(await fileOf(lora)),
    strength,
  }));
  return {
    vae: vae === null ? null : await fileOf(vae),
    baseLoras: await Promise.all(loras),
    embeddings: await Promise.all(embeddings.map(fileOf)),
  };
}

async function fileOf(modelPath: string): Promise<{ path: string; sha256: string }> {
  return { path: modelPath, sha256: await hashCheckpoint(modelPath) };
}

/** @throws AppError `settings.invalid` for a name of what is not made */
async function loraBeside(
  modelPath: string,
  { concept, loraOutput }: JobDraft,
  result: Output,
): Promise<string | null> {
  if (result === 'both') {
    const wanted = loraOutput ?? undefined;
    return prepareLoraOutput(modelPath, { concept, wanted, folder: null }, 'loraOut');
  }
  if (loraOutput === null) return null;
  throw new AppError(
    'settings.invalid',
    `"${loraOutput}" names a LoRA file beside a checkpoint, and ${result === 'lora' ? 'no checkpoint' : 'no LoRA file'} is to be made. Leave it out, or`,
    { remedy: { advice: 'ask for both', settings: [{ setting: 'output', value: 'both' }] } },
  );
}

/** @param output the checkpoint that is written; null where none is: a LoRA file takes next to nothing */
async function requireDisk(
  checkpoint: Checkpoint,
  {
    output,
    draft: { settings, baseLoras },
    dataFolder,
  }: { output: string | null; draft: JobDraft; dataFolder: string },
): Promise<void> {
  const modelBytes = checkpoint.file.fileBytes;
  if (output !== null) {
    await requireDiskSpace(output, modelBytes + SPARE_DISK_BYTES, {
      purpose: 'the scrubbed model',
      setting: 'out',
    });
  }
  // With its LoRAs in its weights the model is written once more.
  const merged = baseLoras.length > 0 ? modelBytes : 0;
  await requireDiskSpace(dataFolder, stateBytes(checkpoint, settings) + merged + SPARE_DISK_BYTES, {
    purpose: "the job's state",
    setting: 'data',
  });
}
