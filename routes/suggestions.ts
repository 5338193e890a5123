import { suggestionsSchema } from '../src/contract/estimate.ts';
import { suggestionRequestSchema } from '../src/contract/requests.ts';
import { json, parse, type Route, untilGone } from './route.ts';

export const suggestionRoutes: readonly Route[] = [
  {
    method: 'post',
    path: '/suggestions',
    summary: 'Anchors and prompts to keep for prompts to forget, from the model’s text encoder.',
    body: { type: 'application/json', schema: suggestionRequestSchema },
    answer: json(suggestionsSchema, 'What could be kept'),
    errors: [404, 422],
    handle: async (services, request, response) => {
      const asked = parse(suggestionRequestSchema, request.body);
      response.json(await services.suggest(asked, untilGone(response)));
    },
  },
];
