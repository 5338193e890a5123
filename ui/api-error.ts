import type { ErrorBody } from '../src/contract/views.ts';
import { t } from './languages/words.ts';

type Remedy = ErrorBody['error']['remedy'];

/** A refusal of the sidecar; the message is for the person. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;
  /** HTTP status; 0 where no answer came. */
  readonly status: number;

  /** What to set otherwise, where that helps. */
  readonly remedy: Remedy;

  constructor(status: number, code: string, message: string, remedy?: Remedy) {
    super(message);
    this.status = status;
    this.code = code;
    this.remedy = remedy;
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
    return new ApiError(status, error.code, error.message, error.remedy);
  } catch {
    const message = timeouts.includes(status)
      ? t(
          'A proxy between this page and the server waits no longer ({status}), as some do after 100 seconds. The server may go on with what it was asked for: look again in a minute.',
          { status },
        )
      : t('The server answered {status}.', { status: `${status} ${statusText}`.trim() });
    return new ApiError(status, 'network', message);
  }
}
