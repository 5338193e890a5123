import type { Route } from './route.ts';

export const healthRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/health',
    summary: 'Whether the sidecar runs, and for which host.',
    isPublic: true,
    answer: { status: 200, type: 'application/json', description: 'Health' },
    errors: [],
    handle: async (services, _, response) => {
      response.json(await services.health());
    },
  },
];
