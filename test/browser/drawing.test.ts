import { copyFileSync, cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { serve } from '../helpers/serve.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { describeInBrowser, expectAccessible, openPage } from './browser.ts';
import { launchBrowser } from './launch-browser.ts';

describeInBrowser('a model that was made to draw in few steps', () => {
  it('is drawn with as its name says unless the person knows better', async () => {
    const models = path.join(makeTemporaryFolder(), 'models');
    mkdirSync(models);
    const shipped = 'presets/tiny-sd/tiny-sd';
    const name = path.join(models, 'merge-lightning-4step');
    for (const ending of ['.safetensors', '.yaml']) copyFileSync(shipped + ending, name + ending);
    cpSync('presets/tiny-sd/tiny-clip', path.join(models, 'tiny-clip'), { recursive: true });
    const { startLink } = await serve(makeTemporaryFolder(), ['--models', models]);
    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const page = await openPage(browser);
    await page.goto(startLink.href);
    const notes = page.getByRole('note', { name: 'How it is drawn' });
    await notes.getByText('Drawn in 4 steps, CFG 1, Euler SGM Uniform').waitFor();
    expect(await notes.innerText()).toMatch(/Guessed: .*from its name: “lightning”/);
    await expectAccessible(page);
    await page.locator('summary', { hasText: 'Advanced settings' }).click();
    await page.getByLabel(/^Guidance \(CFG\)/).fill('2');
    await notes.getByText('Drawn in 4 steps, CFG 2').waitFor();

    // Before it is erased the model tells whether it knows it.
    await page.getByLabel('Prompts to forget').fill('a photo of a red heart');
    await page.getByRole('button', { name: 'Ask the model' }).click();
    const answer = page.getByRole('region', { name: 'Does this model know it?' });
    await answer.getByText('Asked of merge-lightning-4step').waitFor({ timeout: 120_000 });
    expect(await answer.getByRole('listitem').innerText()).toMatch(
      /^The model knows .*“a photo of a red heart”/,
    );
    await expectAccessible(page);

    // What stands there becomes the first of several concepts.
    await page.getByLabel('Name of the concept').fill('heart');
    await page.getByRole('button', { name: 'Forget several concepts at once' }).click();
    const [first, second] = [
      page.getByRole('group', { name: 'heart', exact: true }),
      page.getByRole('group', { name: 'Concept 2', exact: true }),
    ];
    expect(await first.getByLabel('Prompts to forget').inputValue()).toBe('a photo of a red heart');
    await page
      .getByText('Give each concept a name, and a prompt or pictures with captions.')
      .waitFor();
    await second.getByLabel('Prompts to forget').fill('a photo of a blue moon');
    // It may have pictures of its own.
    await second
      .locator('input[type=file]')
      .setInputFiles([
        path.resolve('presets/tiny-sd/images/retain/000.png'),
        path.resolve('presets/tiny-sd/images/retain/000.txt'),
      ]);
    await second.getByLabel('Caption of 000.png').waitFor();
    await second.getByLabel('Name').fill('moon');
    await page.getByLabel('Prompts to keep').fill('a photo of a red star');
    // The server takes the list: it tells what it would cost.
    await page.getByText('on the processor').waitFor({ timeout: 120_000 });
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Remove heart' }).click();
    await page.getByRole('button', { name: 'Remove moon' }).click();
    await page.getByRole('button', { name: 'Forget several concepts at once' }).waitFor();
  }, 180_000);
});
