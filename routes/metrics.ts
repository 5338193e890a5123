import type { Route } from './route.ts';

export const metricsRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/metrics',
    summary:
      'Figures for Prometheus: jobs by state, queue, steps a second, memory, failures, workers.',
    answer: { status: 200, type: 'text/plain', description: 'The figures' },
    errors: [501],
    handle: async (services, _, response) => {
      const { type, text } = await services.metrics();
      response.type(type).send(text);
    },
  },
];
