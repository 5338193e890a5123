import { z } from 'zod';

import { givenFileSchema, judgeViewSchema } from '../src/contract/views.ts';
import { withFiles } from './given-files.ts';
import { json, type Route } from './route.ts';

export const judgeRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/judges',
    summary:
      "The classifiers of pictures that can judge a job: a person's own and those of the tiny model.",
    answer: json(z.array(judgeViewSchema), 'The judges'),
    errors: [],
    handle: async (services, _, response) => {
      response.json(await services.judges());
    },
  },
  {
    method: 'post',
    path: '/judges',
    summary: 'Keeps a classifier of pictures (.onnx) with its labels (.txt, .json) as a judge.',
    body: { type: 'multipart/form-data', schema: null, files: ['file', 'labels'] },
    answer: json(givenFileSchema, 'The judge', 201),
    errors: [409, 413, 422],
    handle: async ({ ownFiles }, request, response) => {
      const given = await withFiles(request, response, ['file', 'labels'], ({ file, labels }) =>
        ownFiles.addJudge(file, labels),
      );
      response.status(201).json(given);
    },
  },
];
