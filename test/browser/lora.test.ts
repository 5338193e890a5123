import { cpSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { serve } from '../helpers/serve.ts';
import { tinyModel } from '../helpers/sidecar.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import {
  describeInBrowser,
  expectAccessible,
  expectNoSidewaysScroll,
  openPage,
} from './browser.ts';
import { launchBrowser } from './launch-browser.ts';
import { changeSettings, erase, fewPictures, fewSteps, waitForResult } from './steps.ts';

describeInBrowser('the page of an erasure that makes a LoRA file', () => {
  it('puts it into the folder of the web UI, shows its tag, and takes it out', async () => {
    const models = path.join(makeTemporaryFolder(), 'models');
    cpSync(path.resolve('presets/tiny-sd'), models, { recursive: true });
    const fake = await new FakeA1111(models).start(tinyModel);
    mkdirSync(fake.loraFolder);
    const { startLink } = await serve(makeTemporaryFolder(), ['--host-url', fake.server.url.href]);
    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const page = await openPage(browser);
    await page.goto(startLink.href);
    await page.getByLabel(/^Prompts to forget/).fill('a red heart');
    await page.getByLabel(/^Prompts to keep/).fill('a star');
    await changeSettings(page, { ...fewSteps, Steps: '2', ...fewPictures });
    await page.getByLabel('Pictures are drawn by', { exact: true }).selectOption('This program');
    await page.getByLabel('Form of the change', { exact: true }).selectOption('lora');
    await page.getByLabel('Result', { exact: true }).selectOption('A LoRA file');
    await erase(page);
    await waitForResult(page);
    const strength = page.getByRole('slider', { name: /^Strength of forgetting/ });
    expect(await strength.getAttribute('aria-valuetext')).toBe('1: as it was trained');
    const picture = page.getByRole('img', { name: /^a red heart, at/ });
    const pictures = new Set([await picture.getAttribute('src')]);
    await strength.press('Home');
    expect(await strength.getAttribute('aria-valuetext')).toBe('0: the original');
    pictures.add(await picture.getAttribute('src'));
    await strength.press('ArrowRight');
    await page.getByRole('img', { name: 'a red heart, at strength 0.5' }).waitFor();
    pictures.add(await picture.getAttribute('src'));
    expect(pictures.size).toBe(3);
    await page.getByRole('button', { name: 'Use as LoRA' }).click();
    const tag = page.getByLabel('The tag for prompts');
    await tag.waitFor();
    expect(await tag.inputValue()).toBe('<lora:tiny-sd-without-red-heart:0.5>');
    await page.getByRole('button', { name: 'Copy tag' }).waitFor();
    const file = path.join(fake.loraFolder, 'tiny-sd-without-red-heart.safetensors');
    expect(existsSync(file)).toBe(true);
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);
    await page.getByRole('button', { name: 'Roll back: take the LoRA out' }).click();
    await page.getByRole('button', { name: 'Use as LoRA' }).waitFor();
    expect(existsSync(file)).toBe(false);

    await page.getByRole('button', { name: 'Use this model at strength 0.5' }).click();
    await page.getByText('In use at strength 0.5').waitFor();
    expect(fake.drawsWith).toBe('tiny-sd-without-red-heart-strength-0.5.safetensors');
    await page.getByRole('button', { name: /^Roll back to/ }).click();
    await page.getByRole('button', { name: 'Use this model at strength 0.5' }).waitFor();
    expect(fake.drawsWith).toBe(tinyModel);
    await page.setViewportSize({ width: 400, height: 800 });
    await page.emulateMedia({ colorScheme: 'dark' });
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);
  }, 300_000);
});
