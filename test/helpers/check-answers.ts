import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isDeepStrictEqual } from 'node:util';

import { onTestFinished } from 'vitest';
import { z } from 'zod';

import { routes } from '../../routes/index.ts';
import type { Route } from '../../routes/route.ts';
import { errorSchema } from '../../src/contract/views.ts';

/** The routes that were answered as they say, as `get /jobs/:id`. */
export const answeredRoutes = new Set<string>();

/**
 * Holds every JSON answer that a server gives during a test to what its route says of it, no more and
 * no less: the test fails where one is not so.
 */
export function checkAnswers(http: Server): void {
  const faults: string[] = [];
  http.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
    response.end = (...args: unknown[]) => {
      const fault = faultOf(request, response, args[0]);
      if (fault !== null) faults.push(`${request.method ?? ''} ${request.url ?? ''}: ${fault}`);
      return end(...args);
    };
  });
  onTestFinished(() => {
    if (faults.length > 0) throw new Error(faults.join('\n'));
  });
}

function faultOf(
  { method = '', url = '', originalUrl = url }: IncomingMessage & { readonly originalUrl?: string },
  response: ServerResponse,
  body: unknown,
): string | null {
  const { pathname } = new URL(originalUrl, 'http://localhost');
  const type = String(response.getHeader('content-type'));
  if (!pathname.startsWith('/api/') || !type.startsWith('application/json')) return null;
  // Answered as GET is, without the body.
  if (method === 'HEAD') return null;
  const { statusCode } = response;
  const route = routes.find(
    (one) => one.method === method.toLowerCase() && patternOf(one).test(pathname),
  );
  if (statusCode >= 400) return mismatch(errorSchema, body);
  if (!route) return 'an answer of no route';
  if (!('schema' in route.answer)) return 'it answers with JSON and does not say so';
  if (statusCode !== route.answer.status) return `status ${statusCode}`;
  answeredRoutes.add(`${route.method} ${route.path}`);
  return mismatch(route.answer.schema, body);
}

function patternOf({ path }: Route): RegExp {
  return new RegExp(`^/api${path.replaceAll(/:\w+/g, '[^/]+').replaceAll('.', '\\.')}$`);
}

/** Where a body is not as a schema says; what the schema does not name would be left out by it. */
function mismatch(schema: z.ZodType, body: unknown): string | null {
  const value: unknown = JSON.parse(String(body));
  const { success, data, error } = schema.safeParse(value);
  if (!success) return z.prettifyError(error);
  return isDeepStrictEqual(data, value) ? null : `more than it says: ${JSON.stringify(value)}`;
}
