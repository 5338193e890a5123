import { z } from 'zod';

import { presetRequestSchema } from '../src/contract/requests.ts';
import { presetFaultViewSchema, presetViewSchema } from '../src/contract/views.ts';
import { json, parameter, parse, type Route } from './route.ts';

/** Body of `POST /api/jobs/:id/preset`. */
const titleSchema = z.strictObject({ title: z.string().trim().min(1).max(200) });

export const presetRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/presets',
    summary: "The presets: the program's and the person's own.",
    answer: json(z.array(presetViewSchema), 'The presets'),
    errors: [],
    handle: async ({ presets }, _, response) => {
      response.json(await presets.list());
    },
  },
  {
    method: 'get',
    path: '/preset-faults',
    summary:
      'The files among the person’s own presets that cannot be used, each with what is wrong.',
    answer: json(z.array(presetFaultViewSchema), 'The files'),
    errors: [],
    handle: async ({ presets }, _, response) => {
      response.json(await presets.listFaults());
    },
  },
  {
    method: 'post',
    path: '/presets',
    summary:
      'Saves a preset of one’s own: as JSON under a free name made of its title, or takes over the YAML text of an exported one.',
    body: { type: 'application/json', schema: presetRequestSchema, isTextAllowed: true },
    answer: json(presetViewSchema, 'The preset', 201),
    errors: [409, 413, 422],
    handle: async ({ presets }, request, response) => {
      const body: unknown = request.body;
      response
        .status(201)
        .json(
          Buffer.isBuffer(body) ? await presets.import(body) : await presets.add(draftOf(body)),
        );
    },
  },
  {
    method: 'post',
    path: '/jobs/:id/preset',
    summary: 'Saves a preset that erases as a job did.',
    body: { type: 'application/json', schema: titleSchema },
    answer: json(presetViewSchema, 'The preset', 201),
    errors: [404, 409, 422],
    handle: async ({ presets }, request, response) => {
      const { title } = parse(titleSchema, request.body);
      response.status(201).json(await presets.addFromJob(parameter(request, 'id'), title));
    },
  },
  {
    method: 'get',
    path: '/presets/:name',
    summary: 'The text of a preset’s file, to be kept and imported elsewhere.',
    answer: { status: 200, type: 'application/yaml', description: 'The preset as YAML' },
    errors: [404, 422],
    handle: async ({ presets }, request, response) => {
      const name = parameter(request, 'name');
      const text = await presets.export(name);
      response.attachment(`${name}.yaml`).type('application/yaml').send(text);
    },
  },
  {
    method: 'put',
    path: '/presets/:name',
    summary: 'Puts another preset in the place of one of one’s own.',
    body: { type: 'application/json', schema: presetRequestSchema },
    answer: json(presetViewSchema, 'The preset'),
    errors: [404, 409, 422],
    handle: async ({ presets }, request, response) => {
      response.json(await presets.replace(parameter(request, 'name'), draftOf(request.body)));
    },
  },
  {
    method: 'delete',
    path: '/presets/:name',
    summary: 'Deletes a preset of one’s own.',
    answer: { status: 204, type: null, description: 'It is gone.' },
    errors: [404, 409],
    handle: async ({ presets }, request, response) => {
      await presets.delete(parameter(request, 'name'));
      response.status(204).end();
    },
  },
];

/** The name of a new preset is the sidecar's to give, that of an old one stands in the address. */
function draftOf(body: unknown) {
  const draft = parse(presetRequestSchema, body);
  delete draft.name;
  return draft;
}
