import { z } from 'zod';

import { named, namedAnswers } from '../src/contract/answer.ts';
import { errorSchema } from '../src/contract/views.ts';
import { appVersion } from '../src/version.ts';
import { type Route, YAML_TYPE } from './route.ts';

/** A refusal. */
const error = (description: string) => ({
  description,
  content: { 'application/json': { schema: referTo(errorSchema) } },
});

const errorDescriptions: Readonly<Record<number, string>> = {
  400: 'The request is not as it should be.',
  401: 'The token is missing or wrong.',
  403: 'A foreign page, or under a foreign name.',
  404: 'There is no such thing.',
  409: 'Not in this state.',
  413: 'Too large.',
  415: 'Not an image.',
  422: 'Understood, but impossible.',
  429: 'Too many.',
  500: 'A bug of the sidecar.',
  501: 'A package for it is not installed.',
  502: 'The host answers with an error.',
  503: 'The host does not answer.',
};

/** This description as an answer. */
export const openapiSchema = named(
  'OpenApi',
  z.object({
    openapi: z.literal('3.1.0'),
    info: z.object({ title: z.string(), version: z.string() }),
    paths: z.record(z.string(), z.record(z.string(), z.looseObject({}))),
    components: z.record(z.string(), z.record(z.string(), z.looseObject({}))),
  }),
);

/** What any route may answer with. */
const commonErrors = [400, 403, 429, 500];

/** The routes as OpenAPI 3.1, from the schemas of what they are sent and of what they answer. */
export function describeRoutes(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = `/api${route.path.replaceAll(/:(\w+)/g, '{$1}')}`;
    paths[path] = { ...paths[path], [route.method]: describeRoute(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Erase Concept', version: appVersion },
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: describeAnswers(),
    },
  };
}

function describeRoute(route: Route): object {
  const { answer } = route;
  const statuses = [
    ...new Set([...commonErrors, ...(route.isPublic ? [] : [401]), ...route.errors]),
  ].sort((a, b) => a - b);
  return {
    summary: route.summary,
    ...(!route.isPublic && { security: [{ token: [] }] }),
    parameters: [...pathParameters(route), ...queryParameters(route)],
    ...(route.body && { requestBody: describeBody(route.body) }),
    responses: {
      [answer.status]: describeAnswer(answer),
      ...Object.fromEntries(statuses.map((code) => [code, error(errorDescriptions[code] ?? '')])),
    },
  };
}

function describeAnswer(answer: Route['answer']): object {
  const { type, description } = answer;
  if (type === null) return { description };
  return {
    description,
    content: { [type]: 'schema' in answer ? { schema: referTo(answer.schema) } : {} },
  };
}

/** @throws RangeError for a schema without a name */
function referTo(schema: z.ZodType): object {
  if (schema instanceof z.ZodArray) {
    return { type: 'array', items: referTo(schema.element as z.ZodType) };
  }
  const name = namedAnswers.get(schema)?.id;
  if (name === undefined) throw new RangeError('an answer has no name');
  return { $ref: schemaAddress(name) };
}

const schemaAddress = (name: string) => `#/components/schemas/${name}`;

/** All named answers. A later version may answer with more than they say. */
function describeAnswers(): Record<string, object> {
  const { schemas } = z.toJSONSchema(namedAnswers, {
    uri: schemaAddress,
    override: ({ jsonSchema }) => {
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $id: _id, $schema: _schema, ...schema }]) => [
      name,
      schema,
    ]),
  );
}

function pathParameters({ path }: Route): object[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters({ query }: Route): object[] {
  if (!query) return [];
  const { properties = {} } = toJsonSchema(query);
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', schema }));
}

function describeBody({
  type,
  schema,
  files = [],
  isTextAllowed,
  isOptional = false,
}: NonNullable<Route['body']>): object {
  if (schema === null) return describeFiles(files);
  const body = toJsonSchema(schema);
  if (type === 'application/json') {
    const text = { [YAML_TYPE]: { schema: { type: 'string' } } };
    return {
      required: !isOptional,
      content: { [type]: { schema: body }, ...(isTextAllowed && text) },
    };
  }
  const pictures = { type: 'array', items: { type: 'string', format: 'binary' } };
  return {
    required: true,
    content: {
      [type]: {
        schema: {
          type: 'object',
          properties: { job: body, ...Object.fromEntries(files.map((name) => [name, pictures])) },
          required: ['job'],
        },
        encoding: { job: { contentType: 'application/json' } },
      },
    },
  };
}

/** A form of files alone. */
function describeFiles(names: readonly string[]): object {
  const file = { type: 'string', format: 'binary' };
  const properties = Object.fromEntries(names.map((name) => [name, file]));
  const schema = { type: 'object', properties, required: [...names] };
  return { required: true, content: { 'multipart/form-data': { schema } } };
}

/** As clients write it: what has a default may be left out. */
function toJsonSchema(schema: z.ZodType): z.core.JSONSchema.BaseSchema {
  const described = z.toJSONSchema(schema, { io: 'input' });
  delete described.$schema;
  return described;
}
