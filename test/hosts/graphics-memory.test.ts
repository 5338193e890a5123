import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { A1111Host } from '../../src/hosts/a1111/a1111-host.ts';
import { GraphicsMemory } from '../../src/hosts/graphics-memory.ts';
import { HostClient } from '../../src/hosts/host-client.ts';
import { HostJournal } from '../../src/hosts/host-journal.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { writeModel } from '../helpers/model-files.ts';
import { quickTimeouts } from '../helpers/quick-timeouts.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

async function startHost(timeouts = quickTimeouts, variant: 'a1111' | 'forge-neo' = 'a1111') {
  const folder = makeTemporaryFolder();
  writeModel(folder, 'old.safetensors');
  const fake = await new FakeA1111(folder, { variant }).start('old.safetensors');
  const client = new HostClient({ url: fake.server.url, credentials: null }, timeouts);
  const told: string[] = [];
  const tell = (message: string) => void told.push(message);
  const dataFolder = makeTemporaryFolder();
  /** As a sidecar has it that has just started. */
  const makeMemory = () => {
    const host = new A1111Host(client);
    return new GraphicsMemory(host, new HostJournal(dataFolder), timeouts);
  };
  return { fake, told, tell, makeMemory, memory: makeMemory() };
}

const never = new AbortController().signal;

describe('the graphics memory of a host', () => {
  it('is free while somebody trains, and until the last one has ended', async () => {
    const { fake, told, tell, memory } = await startHost();
    const first = await memory.borrow({ signal: never, tell });
    const second = await memory.borrow({ signal: never, tell });
    expect(fake.isInGraphicsMemory).toBe(false);
    await first();
    expect(fake.isInGraphicsMemory).toBe(false);
    await second();
    expect(fake.isInGraphicsMemory).toBe(true);
    expect(told).toEqual([]);
  });

  it('is not taken while the host draws, and the wait is told once', async () => {
    const { fake, told, tell, memory } = await startHost();
    const drawing = fake.draw(sleep(200));
    const borrowing = memory.borrow({ signal: never, tell });
    await drawing;
    expect(fake.server.count('POST', '/sdapi/v1/unload-checkpoint')).toBe(0);
    await borrowing;
    expect(fake.isInGraphicsMemory).toBe(false);
    expect(told).toEqual([expect.stringMatching(/is drawing pictures: training begins when/)]);
  });

  it('is not waited for by a job that is cancelled', async () => {
    const { fake, tell, memory } = await startHost();
    const drawing = fake.draw(sleep(500));
    const cancel = new AbortController();
    const borrowing = memory.borrow({ signal: cancel.signal, tell });
    setTimeout(() => {
      cancel.abort(new Error('cancelled'));
    }, 50);
    await expect(borrowing).rejects.toThrow('cancelled');
    await drawing;
    expect(fake.isInGraphicsMemory).toBe(true);
  });

  it('is not waited for without end', async () => {
    const { fake, told, tell, memory } = await startHost({ ...quickTimeouts, trainingMs: 100 });
    const drawing = fake.draw(sleep(500));
    const giveBack = await memory.borrow({ signal: never, tell });
    expect(told.at(-1)).toMatch(/still drawing pictures: training begins beside it/);
    await drawing;
    await giveBack();
    expect(fake.server.count('POST', '/sdapi/v1/unload-checkpoint')).toBe(0);
  });

  it('is done without where the host is down or fails, with a word about it', async () => {
    const { fake, told, tell, memory } = await startHost();
    fake.server.down();
    const giveBack = await memory.borrow({ signal: never, tell });
    expect(told).toEqual([expect.stringMatching(/was not asked to free.*ECONNREFUSED/)]);
    await giveBack();
    await fake.server.up();
    fake.server.faults.set('POST /sdapi/v1/reload-checkpoint', { status: 500, body: null });
    await (
      await memory.borrow({ signal: never, tell })
    )();
    expect(told).toHaveLength(2);
    expect(told[1]).toMatch(/could not take its model back.*with 500/);
  });

  it('goes back after a sidecar that was killed, once', async () => {
    const { fake, tell, memory, makeMemory } = await startHost();
    await memory.borrow({ signal: never, tell });
    await makeMemory().settle();
    expect(fake.isInGraphicsMemory).toBe(true);
    await makeMemory().settle();
    expect(fake.server.count('POST', '/sdapi/v1/reload-checkpoint')).toBe(1);
  });

  it('is owed no more to a host that is down, which has lost it', async () => {
    const { fake, tell, memory, makeMemory } = await startHost();
    await memory.borrow({ signal: never, tell });
    fake.server.down();
    await expect(makeMemory().settle()).rejects.toThrow(/ECONNREFUSED/);
    await fake.server.up();
    await makeMemory().settle();
    expect(fake.isInGraphicsMemory).toBe(false);
  });

  it('goes back to a host that shall change its model', async () => {
    const { fake, tell, memory } = await startHost();
    await memory.reclaim();
    expect(fake.server.asked).toHaveLength(0);
    const giveBack = await memory.borrow({ signal: never, tell });
    await memory.reclaim();
    expect(fake.isInGraphicsMemory).toBe(true);
    await giveBack();
    expect(fake.server.count('POST', '/sdapi/v1/reload-checkpoint')).toBe(1);
  });

  it('is taken back by Forge Neo when it draws, which has no route for it', async () => {
    const { fake, told, tell, memory } = await startHost(quickTimeouts, 'forge-neo');
    const giveBack = await memory.borrow({ signal: never, tell });
    expect(fake.isInGraphicsMemory).toBe(false);
    await memory.reclaim();
    await giveBack();
    expect(memory.isLent).toBe(false);
    expect(told).toEqual([]);
  });
});
