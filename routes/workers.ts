import { z } from 'zod';

import { workerViewSchema } from '../src/contract/worker-view.ts';
import { json, type Route } from './route.ts';

export const workerRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/workers',
    summary: 'Who works on the jobs of a queue that many machines share; none without one.',
    answer: json(z.array(workerViewSchema), 'The workers'),
    errors: [],
    handle: async (services, _, response) => {
      response.json(await services.workers());
    },
  },
];
