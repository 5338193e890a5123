import { expect, it, onTestFinished } from 'vitest';

import { startFleetWorker, makeFleet } from '../jobs/shared/shared-jobs.ts';
import { hasRedis, startRedis } from '../helpers/redis-server.ts';
import { serve } from '../helpers/serve.ts';
import { tinyModel } from '../helpers/sidecar.ts';
import {
  describeInBrowser,
  expectAccessible,
  expectNoSidewaysScroll,
  openPage,
} from './browser.ts';
import { launchBrowser } from './launch-browser.ts';

describeInBrowser('the workers of a queue', () => {
  it.runIf(hasRedis)('are listed with what they do, and where none is, it is said', async () => {
    const fleet = makeFleet(await startRedis());
    const shared = ['--queue', fleet.queue.href, '--store', fleet.store];
    const { startLink, create } = await serve(`${fleet.folder}/server`, shared);
    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const page = await openPage(browser);
    await page.goto(startLink.href);
    await page.getByText('No worker is there.').waitFor();
    await startFleetWorker(fleet, 'a-machine-with-the-longest-of-all-names');
    const worker = page.getByRole('listitem').filter({ hasText: 'a-machine-with' });
    await worker.getByText('Waits for a job').waitFor();
    expect(await worker.textContent()).toContain('Processor (CPU), since ');
    const { id } = await create({
      ...{ model: tinyModel, forget: ['slowly a heart'], retain: ['a star'], device: 'cpu' },
      settings: { steps: 600 },
    });
    const link = worker.getByRole('link', { name: /heart, since / });
    await expectAccessible(page);
    await link.click();
    await page.getByRole('button', { name: 'Cancel' }).waitFor();
    expect(page.url()).toContain(id);
    await page.setViewportSize({ width: 360, height: 740 });
    await expectNoSidewaysScroll(page);
  });
});
