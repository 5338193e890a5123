import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';

import express from 'express';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';

import { rounds } from '../helpers/long.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { describeInBrowser, expectAccessible, Misdeeds, openPage } from './browser.ts';
import { launchBrowser } from './launch-browser.ts';

describeInBrowser('the site of the documents', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  // Building takes ten seconds and more; dead links are found by test/docs too.
  const isLong = rounds({ few: false, many: true });
  it.runIf(isLong)(
    'works in a folder of any server, without the network, for everybody',
    async () => {
      const folder = makeTemporaryFolder();
      // Dead links fail here.
      await promisify(execFile)(process.execPath, [
        'node_modules/vitepress/bin/vitepress.js',
        ...['build', 'docs', '--outDir', folder],
      ]);
      const server = express().use('/some/where', express.static(folder)).listen(0, '127.0.0.1');
      onTestFinished(() => void server.close());
      await once(server, 'listening');
      const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const page = await openPage(browser);
      const misdeeds = new Misdeeds(page, address);

      await page.goto(`${address}/some/where/`);
      await page.getByRole('heading', { name: 'Erase Concept' }).waitFor();
      await expectAccessible(page);
      await page.getByRole('link', { name: 'Getting started' }).first().click();
      await page.getByRole('heading', { name: 'Choose how you want to work' }).waitFor();
      await page.getByRole('button', { name: 'Search' }).click();
      await page.getByRole('searchbox').fill('overshoots');
      await page.getByRole('option').first().click();
      await page.locator('h2#strength').waitFor();
      expect(page.url()).toBe(`${address}/some/where/lora.html#strength`);
      await page.reload();
      await page.locator('h2#strength').waitFor();
      for (const file of readdirSync('docs').filter((name) => name.endsWith('.md'))) {
        await page.goto(`${address}/some/where/${file.replace(/md$/, 'html')}`);
        await page.getByRole('main').waitFor();
        // Code fades from one theme to the other.
        await page.addStyleTag({ content: '* { transition: none !important; }' });
        await expectAccessible(page);
      }
      misdeeds.expectNone();
    },
    600_000,
  );
});
