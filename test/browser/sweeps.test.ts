import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

import { loadPage } from '../../src/load-page.ts';
import { startTestSidecar, tinyModel, token } from '../helpers/sidecar.ts';
import {
  describeInBrowser,
  expectAccessible,
  expectNoSidewaysScroll,
  Misdeeds,
  openPage,
} from './browser.ts';
import { launchBrowser } from './launch-browser.ts';

/** The text of a sweep of these concepts; the quick worker does as they say. */
function yamlOf(...concepts: readonly string[]): string {
  const entries = concepts.map((name) => `  - { name: ${name}, forget: a ${name} }\n`);
  return `models: ${tinyModel}\nconcepts:\n${entries.join('')}settings: { steps: 100 }\n`;
}

/** A busy machine prepares a job for long. */
const patient = { timeout: 60_000 };

describeInBrowser('a sweep', () => {
  it('is started, summed up, extended, cancelled and deleted in the page', async () => {
    const { url, data, api } = await startTestSidecar({ page: await loadPage() });
    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const page = await openPage(browser);
    const misdeeds = new Misdeeds(page, url);
    await page.goto(`${url}/?token=${token}`);
    await page.getByRole('link', { name: 'Sweeps' }).click();
    await page.getByText('There is no sweep yet.').waitFor();
    const text = page.getByLabel('Models, concepts and settings (YAML)');
    // The example has the models that there are.
    await expect.poll(() => text.inputValue()).toContain(`models: ["${tinyModel}"]`);
    await expectAccessible(page);

    await page.getByRole('button', { name: 'Start' }).click();
    expect(page.url()).toMatch(/#\/sweeps$/);
    await page.getByLabel('Name').fill('two-things');
    await text.fill('models: [');
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('alert').getByText('the sweep "two-things"').waitFor();
    const file = path.join(data, 'mine.yaml');
    writeFileSync(file, yamlOf('moon judged 75', 'heart judged 25'));
    await page.getByLabel('Read from a file').setInputFiles(file);
    await expect.poll(() => text.inputValue()).toContain('heart judged 25');
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('heading', { name: 'two-things' }).waitFor();
    await page.getByText('2 of 2 done', { exact: true }).waitFor(patient);

    const table = page.getByRole('region', { name: 'Erasures, the best first' });
    const rows = table.locator('tbody tr');
    const shown = async () => (await rows.allTextContents()).map((row) => row.replace(/\d+ s/, ''));
    const best = `heart judged 25${tinyModel}steps 100Done75 %100 % → 25 %100 % → 100 %Report`;
    expect((await shown())[0]).toBe(best);
    expect((await shown())[1]).toContain('moon judged 75');
    await table.getByRole('img', { name: 'heart judged 25, forgotten' }).waitFor();
    const means = page.getByRole('region', { name: 'Settings, the best first' });
    expect(await means.locator('tbody').textContent()).toBe('steps 10050 %2 of 2');
    await expectAccessible(page);
    const [summary] = await Promise.all([
      page.context().waitForEvent('page'),
      page.getByRole('link', { name: 'Table as a page' }).click(),
    ]);
    await summary.getByText('2 of 2 erasures are done.').waitFor();
    // The quick worker writes none; its address needs the cookie of this page.
    const jobs = path.join(data, 'jobs');
    for (const id of readdirSync(jobs))
      writeFileSync(path.join(jobs, id, 'report.html'), 'It went.');
    await summary.reload();
    await summary.getByRole('link', { name: 'Report' }).first().click();
    await summary.getByText('It went.').waitFor();
    await summary.close();
    await page.setViewportSize({ width: 320, height: 740 });
    await expectNoSidewaysScroll(page);

    // By keyboard: the third is done beside what is done already.
    await page.getByRole('button', { name: 'Change' }).focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => text.evaluate((field) => field === document.activeElement)).toBe(true);
    await text.fill(yamlOf('moon judged 75', 'heart judged 25', 'slowly ring'));
    await expectNoSidewaysScroll(page);
    await page.getByRole('button', { name: 'Save and go on' }).click();
    await page.getByText('2 of 3 done, 1 under way', { exact: true }).waitFor(patient);
    await rows.filter({ hasText: 'slowly ring' }).getByText('Training').waitFor(patient);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('2 of 3 done, 1 cancelled', { exact: true }).waitFor(patient);
    expect((await api('get', '/jobs')).body).toHaveLength(3);
    await page.getByRole('button', { name: 'Go on' }).waitFor();
    await expectAccessible(page);

    await page.getByRole('link', { name: 'All sweeps' }).click();
    await page.getByRole('link', { name: /two-things/ }).click();
    await rows.first().getByRole('link', { name: 'heart judged 25', exact: true }).click();
    await page.getByRole('heading', { name: /^Without heart/ }).waitFor();
    await page.goBack();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('There is no sweep yet.').waitFor();
    expect((await api('get', '/jobs')).body).toHaveLength(3);
    misdeeds.expectNone();
  });
});
