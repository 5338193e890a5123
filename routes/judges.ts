import { z } from 'zod';

import { judgeViewSchema } from '../src/contract/views.ts';
import { json, type Route } from './route.ts';

export const judgeRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/judges',
    summary:
      "The classifiers of pictures that can judge a job: a person's own and those of the tiny model.",
    answer: json(z.array(judgeViewSchema), 'The judges'),
    errors: [],
    handle: async (services, _, response) => {
      response.json(await services.judges());
    },
  },
];
