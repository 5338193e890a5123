import path from 'node:path';
import { mkdirSync } from 'node:fs';

import { expect, it, onTestFinished } from 'vitest';

import { serve } from '../helpers/serve.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeTinyVae, writeTinyWithoutVae } from '../helpers/tiny-sd-parts.ts';
import { describeInBrowser, expectAccessible, openPage } from './browser.ts';
import { launchBrowser } from './launch-browser.ts';

describeInBrowser('a model without a VAE', () => {
  it('asks for one, says which it is, and starts with it', async () => {
    const models = path.join(makeTemporaryFolder(), 'models');
    mkdirSync(models);
    await writeTinyWithoutVae(models);
    await writeTinyVae(path.join(models, 'mine.safetensors'));
    const { startLink } = await serve(makeTemporaryFolder(), ['--models', models]);
    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const page = await openPage(browser);
    await page.goto(startLink.href);
    await page.getByLabel(/^Prompts to forget/).fill('a red heart');
    await page.getByText('Choose a VAE.').waitFor();
    await page.getByLabel('VAE', { exact: true }).selectOption('mine.safetensors');
    await expectAccessible(page);
    // One server does its jobs itself.
    expect(await page.getByText('Workers').count()).toBe(0);
    await page.getByText('VAE: mine.safetensors').waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Erase' }).click();
    // Once it is prepared the job says what it is run with.
    await page
      .locator('header.title .facts', { hasText: 'VAE: mine.safetensors' })
      .waitFor({ timeout: 60_000 });
    expect(await page.getByRole('button', { name: 'Cancel' }).count()).toBe(1);
  }, 180_000);
});
