import { z } from 'zod';

import { attackRequestSchema, jobAttackSchema } from '../src/contract/attack-view.ts';
import { jobHistorySchema, jobSummarySchema, jobViewSchema } from '../src/contract/job-views.ts';
import { applyRequestSchema, jobRequestSchema } from '../src/contract/requests.ts';
import { requireSameMachine } from './access.ts';
import { json, parameter, parse, type Route } from './route.ts';
import { readUpload } from './upload.ts';

const deletionSchema = z.strictObject({
  /** Whether the scrubbed model goes too. */
  model: z.enum(['true', 'false']).default('false'),
});

/** What may be done with a job in one word. */
const actions = [
  ['cancel', 'cancel', 'Cancels a job; one that trains saves its state first.', []],
  ['resume', 'resume', 'Goes on with a job that was cancelled, failed or was interrupted.', []],
  ['rollback', 'rollback', 'Goes back to what was active before.', [502, 503]],
  [
    'apply-lora',
    'applyLora',
    "Puts the job's LoRA file into the host's folder and has it draw with it once.",
    [422, 502, 503],
  ],
  ['rollback-lora', 'rollbackLora', "Takes the LoRA file out of the host's folder.", [502, 503]],
] as const;

export const jobRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/jobs',
    summary: 'All jobs, the newest first.',
    answer: json(z.array(jobSummarySchema), 'The jobs'),
    errors: [],
    handle: async (services, _, response) => {
      response.json(await services.jobs.list());
    },
  },
  {
    method: 'post',
    path: '/jobs',
    summary: 'Starts an erasure, or puts it in the queue.',
    body: {
      type: 'multipart/form-data',
      schema: jobRequestSchema,
      files: ['forgetImages', 'retainImages', 'conceptImages[0]'],
    },
    answer: json(jobViewSchema, 'The job', 202),
    errors: [404, 413, 415, 422, 502, 503],
    handle: async (services, request, response) => {
      const { json, files, remove } = await readUpload(request, response);
      let view;
      try {
        view = await services.jobs.create(parse(jobRequestSchema, json), files);
      } finally {
        await remove();
      }
      response.status(202).location(`/api/jobs/${view.id}`).json(view);
    },
  },
  {
    method: 'get',
    path: '/jobs/:id',
    summary: 'A job.',
    answer: json(jobViewSchema, 'The job'),
    errors: [404],
    handle: async (services, request, response) => {
      response.json(await services.jobs.view(parameter(request, 'id')));
    },
  },
  {
    method: 'delete',
    path: '/jobs/:id',
    summary: 'Deletes a job that does not run, and with ?model=true its scrubbed model.',
    query: deletionSchema,
    answer: { status: 204, type: null, description: 'It is gone.' },
    errors: [404, 409, 502, 503],
    handle: async (services, request, response) => {
      const { model } = parse(deletionSchema, request.query);
      await services.jobs.delete(parameter(request, 'id'), { withModel: model === 'true' });
      response.status(204).end();
    },
  },
  {
    method: 'post',
    path: '/jobs/:id/apply',
    summary:
      "Makes the scrubbed model the host's active one, at a strength that may be chosen; puts a LoRA, where that is the result and no strength is chosen, into its folder.",
    body: { type: 'application/json', schema: applyRequestSchema, isOptional: true },
    answer: json(jobViewSchema, 'The job'),
    errors: [404, 409, 422, 502, 503],
    handle: async (services, request, response) => {
      const { strength } = parse(applyRequestSchema, request.body ?? {});
      response.json(await services.jobs.apply(parameter(request, 'id'), strength));
    },
  },
  ...actions.map(([name, action, summary, hostErrors]): Route => ({
    method: 'post',
    path: `/jobs/:id/${name}`,
    summary,
    answer: json(jobViewSchema, 'The job'),
    errors: [404, 409, ...hostErrors],
    handle: async (services, request, response) => {
      response.json(await services.jobs[action](parameter(request, 'id')));
    },
  })),
  {
    method: 'get',
    path: '/jobs/:id/attacks',
    summary: "Attacks on a finished job's result: how far they are, and what came of them.",
    answer: json(z.array(jobAttackSchema), 'The attacks'),
    errors: [404],
    handle: async (services, request, response) => {
      const { attacks } = await services.jobs.view(parameter(request, 'id'));
      response.json(attacks);
    },
  },
  {
    method: 'post',
    path: '/jobs/:id/attacks',
    summary:
      "Tries to bring back what a finished job's result has forgotten, in the queue of jobs.",
    body: { type: 'application/json', schema: attackRequestSchema },
    answer: json(z.array(jobAttackSchema), 'The attacks', 202),
    errors: [404, 409],
    handle: async (services, request, response) => {
      const asked = parse(attackRequestSchema, request.body);
      const { attacks } = await services.jobs.attack(parameter(request, 'id'), asked);
      response.status(202).json(attacks);
    },
  },
  {
    method: 'post',
    path: '/jobs/:id/attacks/cancel',
    summary: 'Ends the attacks on a job that are under way or wait.',
    answer: json(z.array(jobAttackSchema), 'The attacks'),
    errors: [404, 409],
    handle: async (services, request, response) => {
      const { attacks } = await services.jobs.cancelAttacks(parameter(request, 'id'));
      response.json(attacks);
    },
  },
  {
    method: 'post',
    path: '/jobs/:id/open-folder',
    summary: "Shows the scrubbed model's folder on the desktop, for who sits at this machine.",
    answer: { status: 204, type: null, description: 'It is shown.' },
    errors: [404, 409],
    handle: async (services, request, response) => {
      requireSameMachine(request);
      await services.jobs.openFolder(parameter(request, 'id'));
      response.status(204).end();
    },
  },
  {
    method: 'get',
    path: '/jobs/:id/metrics',
    summary: 'The history of the losses, and the log.',
    answer: json(jobHistorySchema, 'The history'),
    errors: [404],
    handle: async (services, request, response) => {
      response.json(await services.jobs.history(parameter(request, 'id')));
    },
  },
  {
    method: 'get',
    path: '/jobs/:id/samples/:file',
    summary: 'A picture that the job drew.',
    answer: {
      status: 200,
      type: 'image/*',
      description: 'The picture: a PNG, unless the host drew it and its user wants another format',
    },
    errors: [404],
    handle: async (services, request, response) => {
      const file = await services.jobs.samplePath(
        parameter(request, 'id'),
        parameter(request, 'file'),
      );
      response.sendFile(file, { dotfiles: 'allow' });
    },
  },
  {
    method: 'get',
    path: '/jobs/:id/report',
    summary: 'The report of a job that is done, in one file.',
    answer: { status: 200, type: 'text/html', description: 'The report' },
    errors: [404],
    handle: async (services, request, response) => {
      const id = parameter(request, 'id');
      const file = await services.jobs.reportPath(id);
      response
        // It is to be read and saved; whatever words a model's file brought into it, nothing runs.
        .set(
          'Content-Security-Policy',
          "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox allow-downloads allow-popups",
        )
        .set('Content-Disposition', `inline; filename="${id}.html"`)
        .type('html')
        .sendFile(file, { dotfiles: 'allow' });
    },
  },
];
