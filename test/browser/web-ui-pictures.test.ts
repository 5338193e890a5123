import { cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { serve } from '../helpers/serve.ts';
import { tinyModel } from '../helpers/sidecar.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { describeInBrowser, expectAccessible, openPage } from './browser.ts';
import { launchBrowser } from './launch-browser.ts';
import {
  changeSettings,
  erase,
  fewPictures,
  fewSteps,
  jobLimitMs,
  waitForResult,
} from './steps.ts';

const drawnBy = 'Pictures are drawn by';

describeInBrowser('the page of a sidecar with a web UI', () => {
  it('has the web UI draw, and shows how far it is and what it drew', async () => {
    const models = path.join(makeTemporaryFolder(), 'models');
    mkdirSync(models);
    cpSync(path.resolve('presets/tiny-sd'), models, { recursive: true });
    const fake = await new FakeA1111(models, { drawMs: 700 }).start(tinyModel);
    const { startLink } = await serve(makeTemporaryFolder(), ['--host-url', fake.server.url.href]);
    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const page = await openPage(browser);
    await page.goto(startLink.href);
    await page.getByLabel(/^Prompts to forget/).fill('a red heart');
    await page.getByLabel(/^Prompts to keep/).fill('a star');
    await changeSettings(page, { ...fewSteps, ...fewPictures });
    const choice = page.getByLabel(drawnBy, { exact: true });
    expect(await choice.inputValue()).toBe('auto');
    await choice.selectOption('The web UI');
    await expectAccessible(page);
    await erase(page);
    await page.getByText(/^picture [1-3] of 4$/).waitFor({ timeout: jobLimitMs });
    await waitForResult(page);
    await page
      .getByText(/^Drawn by the web UI with both models/)
      .first()
      .waitFor();
    const shown = page.locator('.pairs:not(.strengths) .pair img');
    expect(await shown.count()).toBe(4);
    expect(await shown.first().getAttribute('src')).toMatch(
      /samples\/host-before-0-forget-0-1\.png$/,
    );
    await expectAccessible(page);
  }, 300_000);

  it('does not ask who draws where there is no web UI', async () => {
    const { startLink } = await serve(makeTemporaryFolder());
    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const page = await openPage(browser);
    await page.goto(startLink.href);
    await page.locator('summary', { hasText: 'Advanced settings' }).click();
    await page.getByLabel('Device', { exact: true }).waitFor();
    expect(await page.getByLabel(drawnBy, { exact: true }).count()).toBe(0);
  }, 120_000);
});
