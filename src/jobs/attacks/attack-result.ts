import path from 'node:path';

import type { AttackSettings } from '../../attacks/attack.ts';
import { attackOf } from '../../attacks/registry.ts';
import { type AttackResult, runAttack } from '../../attacks/run-attack.ts';
import type { JobAttack } from '../../contract/attack-view.ts';
import { drawingIn } from '../../drawing/drawing.ts';
import { attackedOf, toldFrom } from '../../erase/attacked-words.ts';
import type { EraseJob } from '../../erase/job.ts';
import { givenPictures } from '../../erase/given-pictures.ts';
import { openBase } from '../../erase/open-base.ts';
import { openResult } from '../../erase/open-result.ts';

/** What the attacking process is asked. */
export interface AttackQuestion {
  readonly job: EraseJob;
  /** The job's. */
  readonly folder: string;
  readonly attack: Pick<JobAttack, 'kind' | 'steps' | 'count' | 'seed'>;
}

/**
 * Tries to bring back what a job has forgotten, with the words that it was made with.
 *
 * @throws AppError `device.*`, `checkpoint.*`, `model.unsupported`, `judge.*`
 */
export async function attackResult(
  { job, folder, attack }: AttackQuestion,
  onProgress: (done: number, total: number) => void,
): Promise<AttackResult> {
  const { signal } = new AbortController();
  const original = await openBase(job, path.join(folder, 'state'), {
    ...{ signal, onEvent: () => undefined },
  });
  try {
    const scrubbed = await openResult(original, job);
    try {
      const kind = attackOf(attack.kind);
      const given = kind.needs === 'given' ? await givenPictures(job) : [];
      const settings = { ...attackSettings(job, attack), given };
      return await runAttack(kind, { original, scrubbed }, settings, { signal, onProgress });
    } finally {
      // A LoRA lies on top of the original, which is closed below.
      if (scrubbed.file !== original.file) await scrubbed.close();
    }
  } finally {
    await original.close();
  }
}

function attackSettings(
  { forget, retain, heldBack, concept, settings, judges, device, threads }: EraseJob,
  { steps, count, seed }: AttackQuestion['attack'],
): Omit<AttackSettings, 'given'> {
  return {
    prompts: attackedOf(forget),
    paraphrases: heldBack,
    concept,
    retain: toldFrom(retain),
    ...{ steps, count, seed, device, threads },
    drawing: drawingIn(settings),
    classifier: judges.find(({ classes }) => classes.length > 0) ?? null,
  };
}
