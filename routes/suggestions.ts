import { suggestionRequestSchema } from './contract.ts';
import { parse, type Route, untilGone } from './route.ts';

export const suggestionRoutes: readonly Route[] = [
  {
    method: 'post',
    path: '/suggestions',
    summary: 'Anchors and prompts to keep for prompts to forget, from the model’s text encoder.',
    body: { type: 'application/json', schema: suggestionRequestSchema },
    answer: { status: 200, type: 'application/json', description: 'Suggestions' },
    errors: [404, 422],
    handle: async (services, request, response) => {
      const asked = parse(suggestionRequestSchema, request.body);
      response.json(await services.suggest(asked, untilGone(response)));
    },
  },
];
