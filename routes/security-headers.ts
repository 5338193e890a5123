import type { RequestHandler } from 'express';
import helmet from 'helmet';

const ownOnly = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'blob:', 'data:'],
  connectSrc: ["'self'"],
  fontSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
};

/**
 * Headers that keep foreign content out of the page and the page out of foreign frames.
 *
 * @param hostUrl the web UI that may show it in a frame
 */
export function securityHeaders(hostUrl: URL | null): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        ...ownOnly,
        frameAncestors: ["'self'", ...(hostUrl ? [hostUrl.origin] : [])],
      },
    },
    // It knows no configured host; frame-ancestors says the same.
    xFrameOptions: false,
    // There is no https on this machine.
    strictTransportSecurity: false,
    referrerPolicy: { policy: 'no-referrer' },
  });
}

/** What bull-board's page takes besides: its base, and styles within it. It is in no frame. */
export const boardHeaders: RequestHandler = helmet.contentSecurityPolicy({
  useDefaults: false,
  directives: {
    ...ownOnly,
    styleSrc: ["'self'", "'unsafe-inline'"],
    baseUri: ["'self'"],
    frameAncestors: ["'none'"],
  },
});
