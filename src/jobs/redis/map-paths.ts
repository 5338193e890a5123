import type { RecordedEvent } from '../../erase/events.ts';
import type { EraseJob } from '../../erase/job.ts';
import type { JobDraft } from '../request/job-draft.ts';

type Move = (file: string) => string;

/** A request with each path in it at another place. */
export function mapDraft(draft: JobDraft, move: Move): JobDraft {
  return {
    ...draft,
    ...common(draft, move),
    model: move(draft.model),
    vae: orNull(draft.vae, move),
    baseLoras: draft.baseLoras.map((lora) => ({ ...lora, path: move(lora.path) })),
    embeddings: draft.embeddings.map(move),
    output: orNull(draft.output, move),
    outputFolder: orNull(draft.outputFolder, move),
    loraFolder: orNull(draft.loraFolder, move),
  };
}

/** What is run of it, likewise. */
export function mapJob(job: EraseJob, move: Move): EraseJob {
  const moved = <F extends { readonly path: string }>(file: F) => ({
    ...file,
    path: move(file.path),
  });
  return {
    ...job,
    ...common(job, move),
    model: moved(job.model),
    vae: job.vae && moved(job.vae),
    baseLoras: job.baseLoras.map(moved),
    embeddings: job.embeddings.map(moved),
    output: move(job.output),
  };
}

/** What happened to it, likewise. */
export function mapEvent(event: RecordedEvent, move: Move): RecordedEvent {
  // Whose folder it was is nobody's business elsewhere.
  if (event.event === 'job') return { ...event, folder: event.job, output: move(event.output) };
  if (event.event === 'done') return { ...event, output: move(event.output) };
  return event.event === 'sample' ? { ...event, file: move(event.file) } : event;
}

function common(
  job: Pick<EraseJob, 'loraOutput' | 'forgetImages' | 'retainImages' | 'concepts' | 'judges'>,
  move: Move,
) {
  return {
    loraOutput: orNull(job.loraOutput, move),
    forgetImages: orNull(job.forgetImages, move),
    retainImages: orNull(job.retainImages, move),
    concepts: job.concepts.map((concept) => ({ ...concept, images: orNull(concept.images, move) })),
    judges: job.judges.map((judge) => ({
      ...judge,
      file: move(judge.file),
      labels: move(judge.labels),
    })),
  };
}

const orNull = (file: string | null, move: Move) => (file === null ? null : move(file));
