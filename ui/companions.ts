import { computed, signal } from '@preact/signals';

import type { JobView } from '../src/contract/job-views.ts';
import type { JobRequest } from '../src/contract/requests.ts';
import type { ModelView, VaeView } from '../src/contract/views.ts';
import { embeddings, vaes } from './state.ts';

// What a model is run with besides its own files, as the person has chosen it.

type BaseLora = NonNullable<JobRequest['baseLoras']>[number];

export const companions = {
  /** Null: the model's own; of a model without one, the one that the web UI draws with. */
  vae: signal<string | null>(null),
  /** LoRAs on top of the model. */
  baseLoras: signal<readonly BaseLora[]>([]),
  /** Names of embeddings whose words are forgotten. */
  embeddings: signal<readonly string[]>([]),
};

/** How many of them were chosen. */
export const companionCount = computed(
  () =>
    companions.baseLoras.value.length +
    companions.embeddings.value.length +
    (companions.vae.value === null ? 0 : 1),
);

/** The words of the embeddings, as prompts call them. */
export const learnedWords = computed(() =>
  companions.embeddings.value.map(
    (name) => embeddings.value?.find((known) => known.name === name)?.word ?? name,
  ),
);

/** The VAE that a model is drawn with; null where it is its own, or there is none yet. */
export function vaeFor(model: ModelView | undefined): Pick<VaeView, 'name'> | null {
  const name = companions.vae.value;
  if (name !== null) return { name };
  return model?.hasVae === false ? (vaes.value?.find(({ isChosen }) => isChosen) ?? null) : null;
}

/** The part of a request that says them. */
export function companionRequest(model: ModelView): Partial<JobRequest> {
  const vae = vaeFor(model);
  return {
    ...(vae && { vae: vae.name }),
    baseLoras: [...companions.baseLoras.value],
    embeddings: [...companions.embeddings.value],
  };
}

/** Takes those of a job, which are found by the names of their files. */
export function takeCompanions({ companions: used }: Pick<JobView, 'companions'>): void {
  const of = (kind: JobView['companions'][number]['kind']) =>
    used.filter((file) => file.kind === kind);
  companions.vae.value = of('vae')[0]?.name ?? null;
  companions.baseLoras.value = of('lora').map(({ name, strength }) => ({
    name,
    strength: strength ?? 1,
  }));
  companions.embeddings.value = of('embedding').map(({ name }) => name);
}

export function clearCompanions(): void {
  takeCompanions({ companions: [] });
}
