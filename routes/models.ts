import type { Route } from './route.ts';

export const modelRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/models',
    summary: "The host's checkpoints, those that nothing can be erased from with the reason.",
    answer: { status: 200, type: 'application/json', description: 'ModelView[]' },
    errors: [502, 503],
    handle: async (services, _, response) => {
      response.json(await services.models());
    },
  },
];
