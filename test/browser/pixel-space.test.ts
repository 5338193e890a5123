import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { encodePng } from '../../src/images/png.ts';
import type { JobView } from '../../src/contract/job-views.ts';
import { copyPixelModel } from '../helpers/pixel-models.ts';
import { serve } from '../helpers/serve.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { describeInBrowser, expectAccessible, openPage } from './browser.ts';
import { launchBrowser } from './launch-browser.ts';
import { changeSettings, erase, fewPictures, fewSteps, waitForResult } from './steps.ts';

describeInBrowser('a model that is asked for nothing', () => {
  it('forgets a picture that is dropped into the page, and both models draw to compare', async () => {
    const models = path.join(makeTemporaryFolder(), 'models');
    mkdirSync(models);
    copyPixelModel(path.join(models, 'digits'), 'grey');
    const shirt = path.join(makeTemporaryFolder(), 'T-shirt.png');
    const data = Float32Array.from({ length: 3 * 28 * 28 }, (_, i) => Math.sin(i / 5));
    writeFileSync(shirt, await encodePng({ data, width: 28, height: 28 }));
    const { startLink, get } = await serve(makeTemporaryFolder(), ['--models', models]);
    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const page = await openPage(browser);
    await page.goto(startLink.href);

    await page.getByText('The model reads no prompts: add pictures to forget below.').waitFor();
    expect(await page.getByLabel(/^Prompts to/).count()).toBe(0);
    const pictures = page.getByLabel('Pictures to forget', { exact: true }).last();
    await pictures.setInputFiles([shirt]);
    const changes: Record<string, string> = {
      ...{ ...fewSteps, ...fewPictures, 'Sampling steps': '2' },
    };
    delete changes['Pictures drawn to forget'];
    await changeSettings(page, changes);
    await page.getByLabel('Method', { exact: true }).selectOption('siss');
    await expectAccessible(page);
    const id = (await erase(page)).split('/').at(-1) ?? '';
    await waitForResult(page);
    await page.getByRole('heading', { name: 'Distance to the given pictures' }).waitFor();
    await expectAccessible(page);
    const job = await get<JobView>(`/jobs/${id}`);
    expect(job).toMatchObject({ state: 'done', forget: [{ prompt: 'anything' }] });
  }, 180_000);
});
