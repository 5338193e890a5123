import type { Request, Response } from 'express';
import { z } from 'zod';

import { AppError } from '../src/errors.ts';
import { schemaMessage } from '../src/schema-message.ts';
import type { Services } from '../src/contract/services.ts';

export const YAML_TYPE = 'application/yaml';

/** What a route answers with. */
interface JsonAnswer {
  readonly status: 200 | 201 | 202;
  readonly type: 'application/json';
  /** One of those that have a name (`namedAnswers`), or an array of one. */
  readonly schema: z.ZodType;
  readonly description: string;
}
interface OtherAnswer {
  readonly status: 200 | 204;
  readonly type: 'application/yaml' | 'image/*' | 'text/csv' | 'text/html' | 'text/plain' | null;
  readonly description: string;
}

/** An answer in JSON. @param description in a few words */
export function json(
  schema: z.ZodType,
  description: string,
  status: JsonAnswer['status'] = 200,
): JsonAnswer {
  return { status, type: 'application/json', schema, description };
}

/** One line of the table of routes: what is needed to answer it and to describe it. */
export interface Route {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** Below `/api`, as express writes it. */
  readonly path: string;
  readonly summary: string;
  /** Whether it is answered without the token. */
  readonly isPublic?: boolean;
  readonly body?: {
    readonly type: 'application/json' | 'multipart/form-data';
    /** Of the JSON, which is the field `job` of a form; null for a form of files alone, one of a name. */
    readonly schema: z.ZodType | null;
    /** Names of a form's files. */
    readonly files?: readonly string[];
    /** Whether a YAML text may be sent in place of the JSON. */
    readonly isTextAllowed?: boolean;
    /** Whether it may be left out. */
    readonly isOptional?: boolean;
  };
  readonly query?: z.ZodObject;
  readonly answer: JsonAnswer | OtherAnswer;
  /** Statuses of the errors that it may answer with, besides those that any may. */
  readonly errors: readonly number[];
  readonly handle: (
    services: Services,
    request: Request,
    response: Response,
  ) => Promise<void> | void;
}

/**
 * What a client sent, as the schema makes it.
 *
 * @throws AppError `usage.invalid` naming the field
 */
export function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new AppError('usage.invalid', `the request is not valid: ${schemaMessage(result.error)}.`);
}

/** Aborted when the client goes before it is answered. */
export function untilGone(response: Response): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(new Error('the client is gone'));
  });
  return gone.signal;
}

/** A parameter of the path, as the client sent it. */
export function parameter(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}
