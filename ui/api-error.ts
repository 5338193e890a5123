import type { ErrorBody } from '../src/contract/views.ts';

/** A refusal of the sidecar; the message is for the person. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;
  /** HTTP status; 0 where no answer came. */
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** What proxies answer that wait no longer: nginx and others, Cloudflare after 100 seconds. */
const timeouts = [504, 524];

/** The refusal in an answer that is not ok; what lies between answers with pages of its own. */
export function readRefusal(
  { status, statusText }: Pick<Response, 'status' | 'statusText'>,
  text: string,
): ApiError {
  try {
    const { error } = JSON.parse(text) as ErrorBody;
    return new ApiError(status, error.code, error.message);
  } catch {
    const message = timeouts.includes(status)
      ? `A proxy between this page and the server waits no longer (${status}), as some do after 100 seconds. The server may go on with what it was asked for: look again in a minute.`
      : `The server answered ${status} ${statusText}.`;
    return new ApiError(status, 'internal.unexpected', message);
  }
}
