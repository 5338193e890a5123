import { estimateSchema } from '../src/contract/estimate.ts';
import { jobRequestSchema } from '../src/contract/requests.ts';
import { json, parse, type Route, untilGone } from './route.ts';

export const estimateRoutes: readonly Route[] = [
  {
    method: 'post',
    path: '/estimate',
    summary: 'Time, memory and disk that a job would need, and what would make it fit.',
    body: { type: 'application/json', schema: jobRequestSchema },
    answer: json(estimateSchema, 'What it would take'),
    errors: [404, 422],
    handle: async (services, request, response) => {
      const asked = parse(jobRequestSchema, request.body);
      response.json(await services.estimate(asked, untilGone(response)));
    },
  },
];
