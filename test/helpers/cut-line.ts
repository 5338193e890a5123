import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A line to a server that can be cut. */
export interface Line {
  /** The server's address by this line. */
  readonly url: URL;
  /** `silent`: nothing gets through any more, and nobody is told; `closed`: connections break, none is made. */
  readonly cut: (how: 'silent' | 'closed') => void;
  /** Old connections end; new ones get through, to another server where one is given. */
  readonly mend: (to?: URL) => void;
}

/** Lays a line that ends with the test. */
export async function layLine(server: URL): Promise<Line> {
  const sockets = new Set<Socket>();
  let to = server;
  let state: 'whole' | 'silent' | 'closed' = 'whole';
  const endAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  const front = createServer((near) => {
    if (state === 'closed') {
      near.destroy();
      return;
    }
    const far = connect(Number(to.port), to.hostname);
    const ends = [near, far] as const;
    for (const [socket, other] of [ends, [far, near] as const]) {
      sockets.add(socket);
      // A connection that breaks is told to the other end by its closing.
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => state !== 'silent' && other.write(bytes));
      socket.on('close', () => {
        sockets.delete(socket);
        if (state !== 'silent') other.destroy();
      });
    }
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  onTestFinished(() => {
    endAll();
    front.close();
  });
  const url = new URL(server);
  url.hostname = '127.0.0.1';
  url.port = String((front.address() as AddressInfo).port);
  return {
    url,
    cut: (how) => {
      state = how;
      if (how === 'closed') endAll();
    },
    mend: (other = to) => {
      to = other;
      state = 'whole';
      endAll();
    },
  };
}
