import { z } from 'zod';

import { vaeViewSchema } from '../src/contract/views.ts';
import { json, type Route } from './route.ts';

export const vaeRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/vaes',
    summary: 'The VAEs for models that have none: those of the web UI, or of the models folders.',
    answer: json(z.array(vaeViewSchema), 'The VAEs'),
    errors: [],
    handle: async (services, _, response) => {
      response.json(await services.vaes());
    },
  },
];
