import { knowledgeRequestSchema, knowledgeSchema } from '../src/contract/knowledge.ts';
import { json, parameter, parse, type Route } from './route.ts';

export const knowledgeRoutes: readonly Route[] = [
  {
    method: 'post',
    path: '/knowledge',
    summary:
      'Asks whether a model knows what prompts ask for, held against names that it cannot know.',
    body: { type: 'application/json', schema: knowledgeRequestSchema },
    answer: json(knowledgeSchema, 'The question', 202),
    errors: [404, 422],
    handle: async (services, request, response) => {
      const asked = parse(knowledgeRequestSchema, request.body);
      response.status(202).json(await services.knowledge.ask(asked));
    },
  },
  {
    method: 'get',
    path: '/knowledge/:id',
    summary: 'How far a question is, and what came of it.',
    answer: json(knowledgeSchema, 'The question'),
    errors: [404],
    handle: (services, request, response) => {
      response.json(services.knowledge.view(parameter(request, 'id')));
    },
  },
  {
    method: 'post',
    path: '/knowledge/:id/cancel',
    summary: 'Ends a question.',
    answer: json(knowledgeSchema, 'The question'),
    errors: [404],
    handle: (services, request, response) => {
      response.json(services.knowledge.cancel(parameter(request, 'id')));
    },
  },
];
