import type { Probe } from '../evaluation/pictures.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import { conceptName, deriveConcept } from './anchors.ts';
import { comparedPromptsOf } from './compared-pictures.ts';
import type { EraseJob } from './job.ts';
import { isGuided, isProbed, probeCounts } from './probe-counts.ts';
import { spread } from './spread.ts';
import { findNearAndFar } from './suggest.ts';

/** What many people's negative prompts say; nothing that may itself be forgotten, as text or watermarks. */
const usualNegative = 'lowres, bad anatomy, bad hands, cropped, worst quality, low quality, blurry';

/**
 * What is drawn and judged beside a job's own prompts: the concept's neighbours in the space of the model's text
 * encoder and prompts far from it, neither of them listed by anyone; wordings that were held back; and some of
 * the job's prompts as people write them, with a usual negative prompt and with the forgotten words as one, which
 * must not push towards what they were steered to.
 *
 * @param original whose text encoder says what is near
 */
export async function chooseProbes(original: Checkpoint, job: EraseJob): Promise<Probe[]> {
  const { settings, device, threads } = job;
  // Classes have no wordings, and all of them are forgotten or kept.
  if (!isProbed(settings) || original.condition.asks.kind !== 'words') return [];
  const forget = job.forget.map(({ prompt }) => prompt);
  const concept = job.concept ?? undefined;
  const found = await findNearAndFar(
    original,
    { forget, concept },
    { style: settings.promptStyle, device, threads },
  );
  const listed = new Set([...job.retain, ...job.forget.map(({ anchor }) => anchor)]);
  const unlisted = (prompts: readonly string[], count: number) =>
    [...new Set(prompts)].filter((prompt) => !listed.has(prompt)).slice(0, count);
  const kept = [
    ...unlisted(found.neighbours, probeCounts(job.settings).neighbour).map(
      (prompt) => ({ group: 'neighbour', prompt }) as const,
    ),
    ...unlisted(found.far, probeCounts(job.settings).far).map(
      (prompt) => ({ group: 'far', prompt }) as const,
    ),
  ];
  const heldBack = spread(job.heldBack, probeCounts(job.settings).heldBack).map(({ item }) => item);
  return [
    ...heldBack.map((line, i) => ({
      ...{ group: 'held-back' as const, number: job.forget.length + i, ...line },
    })),
    ...kept.map((probe, i) => ({ ...probe, number: job.retain.length + i, anchor: null })),
    ...(isGuided(settings) ? withNegatives(job) : []),
  ];
}

/** Some of the job's own prompts, with the negative prompts that people write. */
function withNegatives(job: EraseJob): Probe[] {
  const { negative } = job.settings;
  const { forget, retain } = comparedPromptsOf(job);
  const name = conceptName(
    job.concept ??
      deriveConcept(
        job.forget.map(({ prompt }) => prompt),
        job.retain,
      ),
  );
  const against = [negative, name].filter((part) => part !== '').join(', ');
  const few = <T>(items: readonly T[]) => spread(items, probeCounts(job.settings).withNegative);
  const probesOf = (kind: 'negative' | 'against', words: string): Probe[] => [
    ...few(forget).map(({ item: { item, index } }) => ({
      ...{ group: `forget-${kind}` as const, number: index, ...item, negative: words },
    })),
    ...few(retain).map(({ item: { item, index } }) => ({
      ...{ group: `retain-${kind}` as const, number: index, prompt: item },
      ...{ anchor: null, negative: words },
    })),
  ];
  return [
    ...(negative === '' ? probesOf('negative', usualNegative) : []),
    ...probesOf('against', against),
  ];
}
