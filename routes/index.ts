import express, { Router } from 'express';

import type { Services } from '../src/contract/services.ts';
import { deviceRoutes } from './devices.ts';
import { estimateRoutes } from './estimate.ts';
import { healthRoutes } from './health.ts';
import { jobRoutes } from './jobs.ts';
import { judgeRoutes } from './judges.ts';
import { knowledgeRoutes } from './knowledge.ts';
import { manifestRoutes } from './manifest.ts';
import { metricsRoutes } from './metrics.ts';
import { modelRoutes } from './models.ts';
import { describeRoutes, openapiSchema } from './openapi.ts';
import { presetRoutes } from './presets.ts';
import { json, type Route, YAML_TYPE } from './route.ts';
import { suggestionRoutes } from './suggestions.ts';
import { sweepRoutes } from './sweeps.ts';
import { companionRoutes } from './companions.ts';
import { workerRoutes } from './workers.ts';

/** Prompts in numbers, but no pictures. */
const MAX_JSON_BODY = '1mb';

const openapiRoute: Route = {
  method: 'get',
  path: '/openapi.json',
  summary: 'This description.',
  answer: json(openapiSchema, 'OpenAPI 3.1'),
  errors: [],
  handle: (_, __, response) => {
    response.json(describeRoutes(routes));
  },
};

/** Every route below `/api`. */
export const routes: readonly Route[] = [
  ...healthRoutes,
  ...manifestRoutes,
  ...deviceRoutes,
  ...workerRoutes,
  ...metricsRoutes,
  ...modelRoutes,
  ...companionRoutes,
  ...judgeRoutes,
  ...presetRoutes,
  ...suggestionRoutes,
  ...estimateRoutes,
  ...knowledgeRoutes,
  ...jobRoutes,
  ...sweepRoutes,
  openapiRoute,
];

/** The routes as express takes them: the public ones, or those that need the token. */
export function apiRouter(services: Services, { isPublic }: { isPublic: boolean }): Router {
  const router = Router({ strict: true, caseSensitive: true });
  const readJson = express.json({ limit: MAX_JSON_BODY });
  // Not decoded here: it may be as an editor of Windows writes it.
  const yaml = express.raw({ limit: MAX_JSON_BODY, type: YAML_TYPE });
  for (const route of routes) {
    if ((route.isPublic ?? false) !== isPublic) continue;
    const parsers = [
      ...(route.body?.type === 'application/json' ? [readJson] : []),
      ...(route.body?.isTextAllowed ? [yaml] : []),
    ];
    router[route.method](route.path, ...parsers, (request, response) =>
      route.handle(services, request, response),
    );
  }
  return router;
}
