import { z } from 'zod';

import {
  sweepChangeSchema,
  sweepRequestSchema,
  sweepSummarySchema,
  sweepViewSchema,
} from '../src/contract/sweep-view.ts';
import { json, parameter, parse, type Route } from './route.ts';

/** What may be done with a sweep in one word. */
const actions = [
  ['start', 'Has all be done that is not: makes jobs, and resumes those that ended early.'],
  ['cancel', 'Cancels all jobs of a sweep, and makes no others.'],
] as const;

export const sweepRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/sweeps',
    summary: 'The sweeps of this server, each with how many of its erasures are in which state.',
    answer: json(z.array(sweepSummarySchema), 'The sweeps'),
    errors: [],
    handle: async ({ sweeps }, _, response) => {
      response.json(await sweeps.list());
    },
  },
  {
    method: 'post',
    path: '/sweeps',
    summary:
      'Makes a sweep (every model with every concept with all settings) and starts it: each of its erasures becomes a job.',
    body: { type: 'application/json', schema: sweepRequestSchema },
    answer: json(sweepViewSchema, 'The sweep', 201),
    errors: [404, 409, 413, 422, 502, 503],
    handle: async ({ sweeps }, request, response) => {
      const view = await sweeps.create(parse(sweepRequestSchema, request.body));
      response.status(201).location(`/api/sweeps/${view.name}`).json(view);
    },
  },
  {
    method: 'get',
    path: '/sweeps/:name',
    summary: 'A sweep with its erasures, those with the best score first.',
    answer: json(sweepViewSchema, 'The sweep'),
    errors: [404],
    handle: async ({ sweeps }, request, response) => {
      response.json(await sweeps.view(parameter(request, 'name')));
    },
  },
  {
    method: 'put',
    path: '/sweeps/:name',
    summary:
      'Puts another text in the place of a sweep’s own and starts it: what is done stays done, what is left out is cancelled.',
    body: { type: 'application/json', schema: sweepChangeSchema },
    answer: json(sweepViewSchema, 'The sweep'),
    errors: [404, 413, 422, 502, 503],
    handle: async ({ sweeps }, request, response) => {
      const { yaml } = parse(sweepChangeSchema, request.body);
      response.json(await sweeps.replace(parameter(request, 'name'), yaml));
    },
  },
  ...actions.map(([action, summary]): Route => ({
    method: 'post',
    path: `/sweeps/:name/${action}`,
    summary,
    answer: json(sweepViewSchema, 'The sweep'),
    errors: [404, 422],
    handle: async ({ sweeps }, request, response) => {
      response.json(await sweeps[action](parameter(request, 'name')));
    },
  })),
  {
    method: 'get',
    path: '/sweeps/:name/summary.html',
    summary: 'The table of a sweep, with thumbnails and links to reports.',
    answer: { status: 200, type: 'text/html', description: 'The table' },
    errors: [404, 422],
    handle: async ({ sweeps }, request, response) => {
      const name = parameter(request, 'name');
      const page = await sweeps.page(name);
      response
        // Nothing runs in it; its links to reports need the cookie of this server.
        .set(
          'Content-Security-Policy',
          "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox allow-downloads allow-popups allow-same-origin",
        )
        .set('Content-Disposition', `inline; filename="${name}.html"`)
        .type('html')
        .send(page);
    },
  },
  {
    method: 'get',
    path: '/sweeps/:name/summary.csv',
    summary: 'The table of a sweep with every figure.',
    answer: { status: 200, type: 'text/csv', description: 'The table as CSV' },
    errors: [404, 422],
    handle: async ({ sweeps }, request, response) => {
      const name = parameter(request, 'name');
      const table = await sweeps.csv(name);
      response.attachment(`${name}.csv`).type('text/csv').send(table);
    },
  },
  {
    method: 'delete',
    path: '/sweeps/:name',
    summary: 'Takes a sweep off the list. Its jobs stay, and go on.',
    answer: { status: 204, type: null, description: 'It is gone.' },
    errors: [404],
    handle: async ({ sweeps }, request, response) => {
      await sweeps.delete(parameter(request, 'name'));
      response.status(204).end();
    },
  },
];
