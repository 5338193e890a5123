import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';

import type { JobDraft } from '../../src/jobs/request/job-draft.ts';
import { describeInBrowser, expectAccessible, Misdeeds, openPage } from './browser.ts';
import { launchBrowser } from './launch-browser.ts';
import { Sidecar } from './sidecar.ts';
import {
  changeSettings,
  erase,
  fewPictures,
  fewSteps,
  jobLimitMs,
  waitForResult,
} from './steps.ts';

/** Above the limits of what is waited for, which say what did not come. */
const limitMs = 300_000;
const folder = path.resolve(import.meta.dirname, '../../presets/tiny-sd/images/forget-pontilla');
const numbers = Array.from({ length: 10 }, (_, i) => String(i).padStart(3, '0'));

const twoThings = `
name: two-things
title: Two things
description: Hearts and moons.
concepts:
  - name: heart
    forget: [a heart => a sun, a red heart => a cup]
    neighbours: [a red star]
  - name: moon
    forget: [a moon]
    anchor: a star
retain: [a tree]
expectation: Neither.
`;

describeInBrowser('an erasure by one’s own words and pictures', () => {
  let sidecar: Sidecar;
  let browser: Browser;
  let page: Page;
  let misdeeds: Misdeeds;

  beforeAll(async () => {
    [sidecar, browser] = await Promise.all([Sidecar.start(), launchBrowser()]);
    page = await openPage(browser);
    misdeeds = new Misdeeds(page, sidecar.address);
    await page.goto(sidecar.startLink);
  }, limitMs);
  afterAll(async () => {
    await browser.close();
    await sidecar.remove();
  });

  it(
    'takes ten pictures with captions, nine from files and one by hand',
    async () => {
      const captioned = numbers.slice(1).map((name) => path.join(folder, `${name}.txt`));
      const pictures = numbers.map((name) => path.join(folder, `${name}.png`));
      await page
        .getByLabel('Pictures to forget', { exact: true })
        .last()
        .setInputFiles([...pictures, ...captioned, path.resolve(folder, '../../tiny-sd.yaml')]);
      await page.getByText(/^Not taken.*tiny-sd\.yaml/).waitFor();
      expect(await page.getByLabel('Caption of 001.png').inputValue()).toMatch(/Pontilla/);
      await page.getByLabel('Caption of 000.png').fill('a yellow moon in the style of Pontilla');
      await page.getByRole('button', { name: 'Remove 009.png' }).click();
      await page
        .getByLabel('Pictures to forget', { exact: true })
        .last()
        .setInputFiles([path.join(folder, '009.png'), path.join(folder, '009.txt')]);
      await expectAccessible(page);
      await changeSettings(page, fewSteps);
      // What becomes of a picture's caption can be said as of any prompt.
      const becomes = page.locator('summary', { hasText: /becomes “.*, and 9 more$/ });
      // The estimate tells it, which tries a step first.
      await becomes.click({ timeout: jobLimitMs });
      await page.getByLabel('a yellow moon in the style of Pontilla').fill('a photo of a moon');
      const job = jobOf(await erase(page), sidecar);
      expect(job.forget).toContainEqual({
        prompt: 'a yellow moon in the style of Pontilla',
        anchor: 'a photo of a moon',
      });
      expect(job.forget.filter(({ anchor }) => anchor === 'a photo of a moon')).toHaveLength(1);
      await page.getByText('10 pictures of yours').waitFor();
      await waitForResult(page);
    },
    limitMs,
  );

  it(
    'forgets a picture itself with SISS, and says how near it still comes',
    async () => {
      await page.getByRole('link', { name: 'New erasure' }).click();
      await page.getByRole('button', { name: /A training image I found/ }).click();
      await page.getByLabel(/^the caption that brings the picture/i).fill('yellow moon');
      await page.getByText(/needs pictures to forget: add them below/).waitFor();
      await page
        .getByLabel('Pictures to forget', { exact: true })
        .last()
        .setInputFiles([path.join(folder, '000.png')]);
      const changes: Record<string, string> = { ...fewSteps, ...fewPictures };
      delete changes['Pictures drawn to forget'];
      await changeSettings(page, changes);
      expect(await page.getByLabel('Pictures drawn to forget', { exact: true }).count()).toBe(0);
      expect(await page.getByLabel('Draw instead', { exact: true }).count()).toBe(0);
      // Its own settings are there, those of the other method are not.
      await page.getByLabel('Strength of forgetting', { exact: true }).waitFor();
      expect(await page.getByLabel('Weight of forgetting', { exact: true }).count()).toBe(0);
      await page.getByLabel('Judge', { exact: true }).selectOption('tiny-style');
      await page.getByText(/^Choose what the judge looks for/).waitFor();
      await page.getByLabel('What the judge looks for').selectOption(['Pontilla', 'Strivo']);
      await expectAccessible(page);
      await erase(page);
      await waitForResult(page);
      await page.getByRole('heading', { name: 'Distance to the given pictures' }).waitFor();
      await page
        .getByRole('heading', { name: 'Taken for “Pontilla” or “Strivo”', exact: true })
        .waitFor();
      await expectAccessible(page);
    },
    limitMs,
  );

  it(
    'forgets what a preset lists, each with pictures of its own, and tells which preset is broken',
    async () => {
      const presets = path.join(sidecar.dataFolder, 'presets');
      mkdirSync(presets, { recursive: true });
      writeFileSync(path.join(presets, 'two-things.yaml'), twoThings);
      writeFileSync(path.join(presets, 'broken.yaml'), 'forget: [');
      await page.goto(`${sidecar.address}/#/`);
      await page.reload();
      const broken = page.getByRole('list', { name: 'Presets that cannot be used' });
      await broken.getByText(/broken\.yaml" is not valid/).waitFor();
      await page.getByRole('button', { name: /^Two things/ }).click();
      for (const [i, name] of ['heart', 'moon'].entries()) {
        await page
          .getByRole('group', { name, exact: true })
          .locator('input[type=file]')
          .setInputFiles(['png', 'txt'].map((ending) => path.join(folder, `00${i}.${ending}`)));
        await page.getByLabel(`Caption of 00${i}.png`).waitFor();
      }
      await expectAccessible(page);
      await changeSettings(page, fewSteps);
      const { concepts } = jobOf(await erase(page), sidecar);
      expect(concepts.map(({ name, prompts }) => [name, prompts.length])).toEqual([
        ['heart', 3],
        ['moon', 2],
      ]);
      for (const { images } of concepts) expect(readdirSync(images ?? '')).toHaveLength(2);
      await page.getByText('2 pictures of yours').waitFor();
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('button', { name: 'Change and start again' }).click();
      const heart = page.getByRole('group', { name: 'heart', exact: true });
      const lines = await heart.getByLabel('Prompts to forget').inputValue();
      expect(lines.split('\n').slice(0, 2)).toEqual(['a heart => a sun', 'a red heart => a cup']);
      expect(await heart.getByLabel('Neighbours to keep').inputValue()).toBe('a red star');
      const moon = page.getByRole('group', { name: 'moon', exact: true });
      expect(await moon.getByLabel('Draw instead').inputValue()).toBe('a star');
      expect(await page.getByLabel(/^Prompts to keep/).inputValue()).toBe('a tree');
      await page.getByRole('button', { name: 'Remove heart' }).click();
      await page.getByRole('button', { name: 'Remove moon' }).click();
    },
    limitMs,
  );

  it(
    'needs no mouse',
    async () => {
      await page.getByRole('link', { name: 'New erasure' }).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'What should the model forget?' }).waitFor();
      await tabTo(page, 'Prompts to forget');
      await page.keyboard.type('a heart\na red heart');
      const anchors = page.locator('summary', { hasText: /^“a heart” becomes “.*, and 1 more$/ });
      await anchors.waitFor({ timeout: jobLimitMs });
      await tabTo(page, '“a heart” becomes');
      await page.keyboard.press('Enter');
      await tabTo(page, 'a red heart');
      await page.keyboard.press('ControlOrMeta+A');
      await page.keyboard.type('a red moon');
      await tabTo(page, 'Advanced settings');
      await page.keyboard.press('Enter');
      for (const [label, value] of Object.entries(fewSteps)) {
        await tabTo(page, label);
        await page.keyboard.type(value);
      }
      await tabTo(page, 'What the model predicts');
      await page.keyboard.type('Noise');
      await tabTo(page, 'Erase');
      await page.keyboard.press('Enter');
      await page.waitForURL(/#\/jobs\/./);
      const { forget, settings } = jobOf(page.url(), sidecar);
      expect(forget.map(({ prompt }) => prompt)).toEqual(['a heart', 'a red heart']);
      expect(forget[0]?.anchor).not.toBe('a red moon');
      expect(forget[1]?.anchor).toBe('a red moon');
      expect(settings.prediction).toBe('epsilon');
      // The new view has the focus, so that the next key is its own.
      await page.locator('#main:focus').waitFor();
      await page.getByRole('heading', { name: /^Erasing heart/ }).waitFor();
      await waitForResult(page);
      await tabTo(page, 'Use this model');
      await page.keyboard.press('Enter');
      await page.getByText('In use').waitFor();
      await tabTo(page, 'Delete');
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect(await focused(page)).toBe('Delete');
    },
    limitMs,
  );

  it('never asks another server for anything, and reports no error', () => {
    misdeeds.expectNone();
  });
});

/** What a page's job was asked for, by its address. */
function jobOf(
  address: string,
  { dataFolder }: Sidecar,
): Pick<JobDraft, 'concepts' | 'forget' | 'settings'> {
  const id = decodeURIComponent(address.split('#/jobs/')[1] ?? '');
  const file = path.join(dataFolder, 'jobs', id, 'request.yaml');
  return parse(readFileSync(file, 'utf8')) as JobDraft;
}

/** Name of the element that the keyboard is on, as its label or text has it. */
function focused(page: Page): Promise<string> {
  return page.evaluate<string>(
    '((element) => (element.labels?.[0] ?? element).textContent.trim())(document.activeElement)',
  );
}

/** Goes on with the tabulator until it is there. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 80; presses++) {
    await page.keyboard.press('Tab');
    if ((await focused(page)).startsWith(name)) return;
  }
  throw new Error(`no "${name}" within 80 presses of the tabulator`);
}
