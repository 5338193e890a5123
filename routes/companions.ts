import { z } from 'zod';

import type { CompanionKind } from '../src/contract/services.ts';
import {
  embeddingViewSchema,
  givenFileSchema,
  loraViewSchema,
  vaeViewSchema,
} from '../src/contract/views.ts';
import { withFiles } from './given-files.ts';
import { json, type Route } from './route.ts';

/** Takes a file of a kind. */
const takesFile = (kind: CompanionKind, what: string): Route => ({
  method: 'post',
  path: `/${kind}`,
  summary: `Keeps ${what}, as a file that jobs may use.`,
  body: { type: 'multipart/form-data', schema: null, files: ['file'] },
  answer: json(givenFileSchema, 'The file', 201),
  errors: [409, 413, 422],
  handle: async ({ ownFiles }, request, response) => {
    const given = await withFiles(request, response, ['file'], ({ file }) =>
      ownFiles.add(kind, file),
    );
    response.status(201).json(given);
  },
});

/** Files that a model is run with. */
export const companionRoutes: readonly Route[] = [
  takesFile('vaes', 'a VAE'),
  takesFile('loras', 'a LoRA'),
  takesFile('embeddings', 'an embedding (textual inversion)'),
  {
    method: 'get',
    path: '/vaes',
    summary:
      'The VAEs that can draw: those of the web UI, or of the models folders, and those that were given.',
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
      'The LoRAs that can be on top of a model: those of the web UI, or of the models folders, and those that were given.',
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
      'The embeddings whose words can be forgotten: those of the web UI, or of the models folders, and those that were given.',
    answer: json(z.array(embeddingViewSchema), 'The embeddings'),
    errors: [502, 503],
    handle: async (services, _, response) => {
      response.json(await services.embeddings());
    },
  },
];
