import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { A1111Host } from '../../src/hosts/a1111/a1111-host.ts';
import { HostClient } from '../../src/hosts/host-client.ts';
import { HostDebts } from '../../src/hosts/host-debts.ts';
import { trialPicture } from '../../src/hosts/trial-picture.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { writeModel } from '../helpers/model-files.ts';
import { quickPatience } from '../helpers/quick-patience.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

/** A web UI whose active model is `old`, while a sidecar that is killed draws with `new`. */
async function drawAndDie(variant: 'a1111' | 'forge' | 'sdnext') {
  const folder = makeTemporaryFolder();
  for (const name of ['old', 'new', 'other']) writeModel(folder, `${name}.safetensors`);
  const suffix = variant === 'sdnext' ? '' : '.safetensors';
  const fake = await new FakeA1111(folder, { variant }).start('old.safetensors');
  const client = new HostClient({ url: fake.server.url, credentials: null }, quickPatience);
  const dataFolder = makeTemporaryFolder();
  const start = () => {
    const host = new A1111Host(client, fake.runsIn);
    return { host, debts: new HostDebts(host, dataFolder) };
  };
  const { host, debts } = start();
  for (const name of ['new', 'other', 'new']) {
    await debts.oweActiveModel(`${name}${suffix}`);
    await host.draw({ ...trialPicture(), model: `${name}${suffix}` });
  }
  return { ...start(), fake, dataFolder, nameOf: (name: string) => `${name}${suffix}` };
}

describe('the active model of a host, after a sidecar that was killed while it drew,', () => {
  it.each(['a1111', 'forge', 'sdnext'] as const)('is the one before in %s', async (variant) => {
    const { host, debts, fake, nameOf } = await drawAndDie(variant);
    await debts.settle();
    expect(await host.activeModel()).toBe(nameOf('old'));
    await host.draw(trialPicture());
    expect(fake.drawsWith).toBe('old.safetensors');
  });

  it('stays what somebody has chosen since', async () => {
    const { host, debts, nameOf } = await drawAndDie('sdnext');
    await host.activate(nameOf('other'));
    await debts.settle();
    expect(await host.activeModel()).toBe(nameOf('other'));
  });

  it('is owed once, and not where it was given back', async () => {
    const { host, debts, fake } = await drawAndDie('sdnext');
    await debts.settle();
    await debts.oweActiveModel('new');
    await debts.payActiveModel();
    await host.activate('new');
    const count = fake.server.count('POST', '/sdapi/v1/options');
    await debts.settle();
    expect(fake.server.count('POST', '/sdapi/v1/options')).toBe(count);
    expect(await host.activeModel()).toBe('new');
  });

  it('is not asked for where the file means nothing', async () => {
    const { debts, fake, dataFolder } = await drawAndDie('sdnext');
    writeFileSync(path.join(dataFolder, 'host-debts.json'), '{"memory":');
    const count = fake.server.asked.length;
    await debts.settle();
    expect(fake.server.asked).toHaveLength(count);
  });
});
