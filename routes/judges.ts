import type { Route } from './route.ts';

export const judgeRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/judges',
    summary:
      "The classifiers of pictures that can judge a job: a person's own and those of the tiny model.",
    answer: { status: 200, type: 'application/json', description: 'JudgeView[]' },
    errors: [],
    handle: async (services, _, response) => {
      response.json(await services.judges());
    },
  },
];
