import { healthSchema } from '../src/contract/views.ts';
import { json, type Route } from './route.ts';

export const healthRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/health',
    summary: 'Whether the sidecar runs, and for which host.',
    isPublic: true,
    answer: json(healthSchema, 'How it is'),
    errors: [],
    handle: async (services, _, response) => {
      response.json(await services.health());
    },
  },
];
