import { jobRequestSchema } from './contract.ts';
import { parse, type Route, untilGone } from './route.ts';

export const estimateRoutes: readonly Route[] = [
  {
    method: 'post',
    path: '/estimate',
    summary: 'Time, memory and disk that a job would need, and what would make it fit.',
    body: { type: 'application/json', schema: jobRequestSchema },
    answer: { status: 200, type: 'application/json', description: 'Estimate' },
    errors: [404, 422],
    handle: async (services, request, response) => {
      const asked = parse(jobRequestSchema, request.body);
      response.json(await services.estimate(asked, untilGone(response)));
    },
  },
];
