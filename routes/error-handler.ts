import type { ErrorRequestHandler, Request, RequestHandler } from 'express';

import { describeError } from '../src/jobs/describe-error.ts';
import { AppError } from '../src/errors.ts';
import { messageForFields } from '../src/remedy.ts';
import type { ErrorBody } from '../src/contract/views.ts';

/** Answers what no route answers. */
export const notFound: RequestHandler = (request) => {
  throw new AppError(
    'address.unknown',
    `there is no ${request.method} ${request.path.slice(0, 200)}. GET /api/openapi.json lists what there is.`,
  );
};

/** Answers every error: those of express and its parsers in our words, bugs without their stack. */
export const errorHandler: ErrorRequestHandler = (error: unknown, request, response, next) => {
  const known = toAppError(error);
  if (known.httpStatus >= 500) request.log.error({ err: error }, 'request failed');
  if (response.headersSent) {
    next(error);
    return;
  }
  // What is left of a body is not read: the client must not send it to the end.
  if (!request.complete) response.set('Connection', 'close');
  const { status, body } = errorReply(known, requestIdOf(request));
  response.status(status).json(body);
};

function requestIdOf({ id }: Request): string {
  return typeof id === 'string' ? id : '';
}

/** An error as clients are told it. */
export function errorReply(
  error: unknown,
  requestId: string,
): { readonly status: number; readonly body: ErrorBody } {
  const { code, message, remedy, httpStatus } = toAppError(error);
  const told = { code, message: messageForFields(message, remedy), ...(remedy && { remedy }) };
  return { status: httpStatus, body: { error: { ...told, requestId } } };
}

function toAppError(error: unknown): AppError {
  if (error instanceof AppError) {
    return error.code === 'internal.unexpected' ? unexpected(error) : error;
  }
  const status =
    error instanceof Error && 'status' in error && typeof error.status === 'number'
      ? error.status
      : 500;
  if (status === 413) {
    return new AppError('request.too-large', 'the request is too large.', { cause: error });
  }
  if (status === 404) {
    return new AppError('address.unknown', 'there is nothing at this address.', { cause: error });
  }
  if (status >= 400 && status < 500) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : '';
    return new AppError('usage.invalid', `the request cannot be read: ${reason}.`, {
      cause: error,
    });
  }
  const { event } = describeError(error);
  return event.code === 'internal.unexpected'
    ? unexpected(error)
    : new AppError('output.no-space', event.message, { cause: error });
}

function unexpected(cause: unknown): AppError {
  return new AppError(
    'internal.unexpected',
    'something went wrong that should not. The log of the sidecar says more: look for the id of this request.',
    { cause },
  );
}
