import { manifest, manifestSchema } from '../src/contract/manifest.ts';
import { json, type Route } from './route.ts';

export const manifestRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/manifest',
    summary: 'What there is to choose from: methods with their settings, devices, evaluators.',
    answer: json(manifestSchema, 'The manifest'),
    errors: [],
    handle: (_, __, response) => {
      response.json(manifest);
    },
  },
];
