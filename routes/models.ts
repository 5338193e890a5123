import { z } from 'zod';

import { modelViewSchema } from '../src/contract/views.ts';
import { json, type Route } from './route.ts';

export const modelRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/models',
    summary: "The host's checkpoints, those that nothing can be erased from with the reason.",
    answer: json(z.array(modelViewSchema), 'The models'),
    errors: [502, 503],
    handle: async (services, _, response) => {
      response.json(await services.models());
    },
  },
];
