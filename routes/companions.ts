import { z } from 'zod';

import { embeddingViewSchema, loraViewSchema, vaeViewSchema } from '../src/contract/views.ts';
import { json, type Route } from './route.ts';

/** Files that a model is run with. */
export const companionRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/vaes',
    summary: 'The VAEs that can draw: those of the web UI, or of the models folders.',
    answer: json(z.array(vaeViewSchema), 'The VAEs'),
    errors: [],
    handle: async (services, _, response) => {
      response.json(await services.vaes());
    },
  },
  {
    method: 'get',
    path: '/loras',
    summary:
      'The LoRAs that can be on top of a model: those of the web UI, or of the models folders.',
    answer: json(z.array(loraViewSchema), 'The LoRAs'),
    errors: [502, 503],
    handle: async (services, _, response) => {
      response.json(await services.loras());
    },
  },
  {
    method: 'get',
    path: '/embeddings',
    summary:
      'The embeddings whose words can be forgotten: those of the web UI, or of the models folders.',
    answer: json(z.array(embeddingViewSchema), 'The embeddings'),
    errors: [502, 503],
    handle: async (services, _, response) => {
      response.json(await services.embeddings());
    },
  },
];
