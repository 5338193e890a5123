import { copyFileSync, cpSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { it, onTestFinished } from 'vitest';

import { serve } from '../helpers/serve.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeTinyLora } from '../helpers/tiny-lora.ts';
import { describeInBrowser, expectAccessible, openPage } from './browser.ts';
import { launchBrowser } from './launch-browser.ts';

describeInBrowser('a model with a LoRA and an embedding', () => {
  it('is erased from together with them, as the page says before and after', async () => {
    const models = path.join(makeTemporaryFolder(), 'models');
    cpSync('presets/tiny-sd', models, { recursive: true });
    const ink = await writeTinyLora(path.join(makeTemporaryFolder(), 'ink.safetensors'));
    const labels = path.join(path.dirname(ink), 'colours.txt');
    writeFileSync(labels, 'red orange yellow green cyan blue purple pink'.split(' ').join('\n'));
    copyFileSync('test/golden/embeddings/sks_style.pt', path.join(models, 'sks_style.pt'));
    const { startLink } = await serve(makeTemporaryFolder(), ['--models', models]);
    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const page = await openPage(browser);
    await page.goto(startLink.href);
    await page.getByText('LoRAs, embeddings, another VAE').click();
    const lora = page.getByLabel('Add a LoRA from this computer');
    await lora.setInputFiles(path.join(models, 'tiny-sd.safetensors'));
    await page.getByText('"tiny-sd.safetensors" is no LoRA').waitFor();
    await lora.setInputFiles(ink);
    await page.getByLabel('Strength of given/ink.safetensors').fill('0.5');
    await page.getByLabel('Embeddings to forget', { exact: true }).selectOption('sks_style');
    await page.getByText('2 chosen').waitFor();
    await page.locator('summary', { hasText: 'Advanced settings' }).click();
    const judge = page.getByLabel('Add a judge from this computer');
    await judge.setInputFiles('presets/tiny-sd/cls-colour.onnx');
    await page.getByText('Choose both together').waitFor();
    await judge.setInputFiles(['presets/tiny-sd/cls-colour.onnx', labels]);
    await page.getByLabel('What the judge looks for').selectOption('cyan');
    await expectAccessible(page);
    // Nothing else is said: the embedding is what is forgotten.
    await page.getByText('LoRA: given/ink.safetensors at 0.5').waitFor({ timeout: 60_000 });
    await page.getByText('“sks_style” becomes').waitFor();
    await page.getByRole('button', { name: 'Erase', exact: true }).click();
    const facts = page.locator('header.title .facts');
    for (const text of ['LoRA: ink.safetensors at 0.5', 'Embedding: sks_style.pt']) {
      await facts.getByText(text).waitFor({ timeout: 60_000 });
    }
  }, 180_000);
});
