import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { describeInBrowser, expectAccessible, Misdeeds, openPage } from './browser.ts';
import { launchBrowser } from './launch-browser.ts';
import { Sidecar } from './sidecar.ts';
import {
  changeSettings,
  choosePontilla,
  erase,
  fewSteps,
  jobLimitMs,
  manySteps,
  waitForResult,
  waitForStep,
} from './steps.ts';

/** Above the limits of what is waited for, which say what did not come. */
const limitMs = 300_000;

describeInBrowser('an erasure that is disturbed', () => {
  let sidecar: Sidecar;
  let browser: Browser;
  let page: Page;
  let misdeeds: Misdeeds;

  beforeAll(async () => {
    [sidecar, browser] = await Promise.all([Sidecar.start(), launchBrowser()]);
  }, limitMs);
  afterAll(async () => {
    await browser.close();
    await sidecar.remove();
  });
  beforeEach(async () => {
    page = await openPage(browser);
    misdeeds = new Misdeeds(page, sidecar.address);
    await page.goto(sidecar.startLink);
  });
  afterEach(async () => {
    misdeeds.expectNone();
    await page.context().close();
  });

  it(
    'is cancelled, keeps its history, and goes on from there',
    async () => {
      await choosePontilla(page, { ...fewSteps, Steps: '24' });
      await erase(page);
      await waitForStep(page, 4);
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.getByText(/^It was cancelled at step \d+ of 24/).waitFor({ timeout: jobLimitMs });
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Resume' }).click();
      await waitForResult(page);
      await page.getByText('How it trained').click();
      await page.getByRole('img', { name: 'Losses over 24 steps' }).waitFor();
    },
    limitMs,
  );

  it(
    'survives a server that is killed: the page finds it again and the job ends',
    async () => {
      await choosePontilla(page, { ...fewSteps, Steps: '16' });
      await erase(page);
      await waitForStep(page, 3);
      await sidecar.kill();
      await page.getByText('The server does not answer.').waitFor();
      await sidecar.restart();
      await page.getByText('The server does not answer.').waitFor({ state: 'detached' });
      await waitForResult(page);
      await page.getByText('How it trained').click();
      const recorded = await page.evaluate<number[]>(
        "fetch('/api/jobs/' + location.hash.slice(7) + '/metrics').then((answer) => answer.json()).then(({ progress }) => progress.map(({ step }) => step))",
      );
      expect(recorded).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
      await page.getByRole('img', { name: 'Losses over 16 steps' }).waitFor();
    },
    limitMs,
  );

  it(
    'waits behind another, and says so',
    async () => {
      await choosePontilla(page, manySteps);
      const first = await erase(page);
      await page.getByRole('link', { name: 'New erasure' }).click();
      await page.getByLabel(/^Prompts to forget/).fill('a heart\na red heart');
      await changeSettings(page, fewSteps);
      const second = await erase(page);
      await page.getByText(/^Waiting\./).waitFor();
      await expectAccessible(page);
      const list = page.getByRole('navigation');
      await list.getByText('Waiting, next').waitFor();
      await page.goto(first);
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.getByText(/^It was cancelled/).waitFor({ timeout: jobLimitMs });
      await page.goto(second);
      await waitForResult(page);
    },
    limitMs,
  );

  it(
    'fails with its reason, and is changed and started again',
    async () => {
      await choosePontilla(page, { ...fewSteps, Steps: '40', 'Learning rate': '100' });
      await erase(page);
      const notice = page.getByText(/^It stopped/);
      await notice.waitFor({ timeout: jobLimitMs });
      await page
        .getByRole('status')
        .getByText(/so no model was written. Start again with a smaller/)
        .waitFor();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Change and start again' }).click();
      expect(await page.getByLabel(/^Prompts to forget/).inputValue()).toContain('Pontilla');
      await page.locator('summary', { hasText: 'Advanced settings' }).click();
      expect(await page.getByLabel('Learning rate', { exact: true }).inputValue()).toBe('100');
      expect(await page.getByLabel('What is trained').inputValue()).toBe('full');
    },
    limitMs,
  );
});
