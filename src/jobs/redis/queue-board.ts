import type { RequestListener } from 'node:http';
import type { createBullBoard } from '@bull-board/api';
import type { Queue } from 'bullmq';

import { loadOptional } from '../optional-packages.ts';

/** Where BullMQ's queues are: those of now, each known by its name for as long as there is anything in it. */
type ReadQueues = () => Promise<readonly Queue[]>;

/**
 * Bull-board: BullMQ's queues, to be looked at. Nothing can be changed there, as jobs are more than their place
 * in a queue.
 *
 * @param place the path that it is served under
 * @returns makes what answers requests, with the queues that there are then; throws AppError `package.missing`
 */
export function queueBoard(place: string, readQueues: ReadQueues): () => Promise<RequestListener> {
  let opening: ReturnType<typeof openBoard> | null = null;
  return async () => {
    opening ??= openBoard(place);
    // It may be installed by the next time.
    opening.catch(() => (opening = null));
    const { board, adapterOf, answer } = await opening;
    board.replaceQueues((await readQueues()).map(adapterOf));
    return answer;
  };
}

async function openBoard(place: string) {
  const { api, adapter, server } = await loadOptional(
    async () => ({
      api: await import('@bull-board/api'),
      adapter: await import('@bull-board/api/bullMQAdapter'),
      server: await import('@bull-board/express'),
    }),
    ['@bull-board/api', '@bull-board/express'],
    'the board of queues',
  );
  const express = new server.ExpressAdapter().setBasePath(place);
  const uiConfig = { boardTitle: 'Erase Concept' };
  const board: ReturnType<typeof createBullBoard> = api.createBullBoard({
    ...{ queues: [], serverAdapter: express },
    options: { uiConfig },
  });
  return {
    board,
    adapterOf: (queue: Queue) => new adapter.BullMQAdapter(queue, { readOnlyMode: true }),
    // Declared as anything.
    answer: express.getRouter() as RequestListener,
  };
}
