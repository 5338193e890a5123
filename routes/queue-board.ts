import type { RequestHandler } from 'express';

import { BOARD_PLACE, type Services } from '../src/contract/services.ts';

/** Shows the queues of many machines as BullMQ has them; there is none without them. */
export function serveBoard(services: Pick<Services, 'board'>): RequestHandler {
  return async (request, response, next) => {
    const board = await services.board();
    if (!board) {
      next();
      return;
    }
    // As if it stood at the root.
    request.url = request.url.slice(BOARD_PLACE.length) || '/';
    board(request, response);
  };
}
