import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import type { Page } from 'playwright-core';
import sharp from 'sharp';

import { launchBrowser } from './launch-browser.ts';
import { Sidecar } from './sidecar.ts';
import { choosePontilla, erase, jobLimitMs, waitForResult, waitForStep } from './steps.ts';

// The pictures of README and docs: `npm run screenshots` erases with the real sidecar and writes them.

const folder = path.resolve(import.meta.dirname, '../../docs');

const sidecar = await Sidecar.start({ knows: false });
const browser = await launchBrowser();
try {
  await mkdir(folder, { recursive: true });
  const page = await browser.newPage({
    viewport: { width: 1280, height: 900 },
    deviceScaleFactor: 1.5,
  });
  await page.goto(sidecar.startLink);
  await choosePontilla(page, { 'Steps between previews': '6' });
  await page.locator('summary', { hasText: 'Advanced settings' }).click();
  await page.getByText('measured here').waitFor({ timeout: jobLimitMs });
  await page.evaluate('scrollTo(0, 0)');
  await save(page, 'choose');
  await erase(page);
  await waitForStep(page, 38);
  await save(page, 'watch');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: 700, height: 900 });
  await save(page, 'watch-narrow-dark');
  await waitForResult(page);
  await page.setViewportSize({ width: 1280, height: 900 });
  await save(page, 'compare-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await save(page, 'compare');
} finally {
  await browser.close();
  await sidecar.remove();
}

/** Writes what the window shows, in few colours: interfaces have few. */
async function save(page: Page, name: string): Promise<void> {
  // Until pictures are there, and what moves has come to rest.
  await page.waitForLoadState('networkidle');
  await page.waitForTimeout(600);
  const png = await page.screenshot();
  await sharp(png)
    .png({ palette: true, compressionLevel: 9 })
    .toFile(path.join(folder, `${name}.png`));
  console.log(`docs/${name}.png`);
}
