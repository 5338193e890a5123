import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { Browser, CDPSession, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { describeInBrowser, expectAccessible, Misdeeds, openPage } from './browser.ts';
import { launchBrowser } from './launch-browser.ts';
import { Sidecar } from './sidecar.ts';
import { changeSettings, erase, fewSteps } from './steps.ts';

const limitMs = 120_000;

/** Colours of the pictures, each of which has the caption of its name. */
const colours = {
  red: { r: 255, g: 0, b: 0 },
  green: { r: 0, g: 255, b: 0 },
  blue: { r: 0, g: 0, b: 255 },
  white: { r: 255, g: 255, b: 255 },
  black: { r: 0, g: 0, b: 0 },
};
type Colour = keyof typeof colours;

const captionOf = (colour: string) => `a ${colour} heart`;

async function writePicture(folder: string, name: string, colour: Colour): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const background = colours[colour];
  const picture = sharp({ create: { width: 64, height: 64, channels: 3, background } });
  writeFileSync(path.join(folder, name), await picture.png().toBuffer());
}

/** Five pictures called `1.png`, in folders of which two are called `pictures`. */
async function makePictures(
  root: string,
): Promise<{ first: string; second: string; loose: string }> {
  const [first, second] = ['x/pictures', 'y/pictures'].map((name) => path.join(root, name));
  if (first === undefined || second === undefined) throw new Error('unreachable');
  const caption = (folder: string, name: string, content: string | Buffer) => {
    writeFileSync(path.join(folder, name), content);
  };
  await writePicture(first, '1.png', 'red');
  caption(first, '1.txt', captionOf('red'));
  await writePicture(path.join(first, 'more'), '1.png', 'green');
  caption(path.join(first, 'more'), '1.txt', Buffer.from(`\ufeff${captionOf('green')}`, 'utf16le'));
  caption(first, 'Thumbs.db', 'x');
  await writePicture(second, '1.png', 'blue');
  caption(second, '1.json', JSON.stringify({ caption: captionOf('blue') }));
  await writePicture(second, '2.png', 'white');
  caption(second, '2.txt', Buffer.from('caf\xe9', 'latin1'));
  await writePicture(root, '1.png', 'black');
  return { first, second, loose: path.join(root, '1.png') };
}

describeInBrowser('folders that are dropped', () => {
  let sidecar: Sidecar;
  let browser: Browser;
  let page: Page;
  let mouse: CDPSession;
  let misdeeds: Misdeeds;

  beforeAll(async () => {
    [sidecar, browser] = await Promise.all([Sidecar.start(), launchBrowser()]);
    page = await openPage(browser);
    mouse = await page.context().newCDPSession(page);
    misdeeds = new Misdeeds(page, sidecar.address);
    await page.goto(sidecar.startLink);
  }, limitMs);
  afterAll(async () => {
    await browser.close();
    await sidecar.remove();
  });

  /** As from a file manager. */
  async function drop(files: readonly string[]): Promise<void> {
    const zone = page.getByRole('group', { name: 'Pictures to forget', exact: true });
    await zone.scrollIntoViewIfNeeded();
    const box = await zone.boundingBox();
    const [x, y] = [(box?.x ?? 0) + 20, (box?.y ?? 0) + 10];
    const data = { items: [], files: [...files], dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
      await mouse.send('Input.dispatchDragEvent', { type, x, y, data });
    }
  }

  /** Labels and values of the captions' fields. */
  const captions = (): Promise<[string, string][]> =>
    page.evaluate<[string, string][]>(
      '[...document.querySelectorAll(\'[aria-label^="Caption of"]\')].map((input) => [input.ariaLabel, input.value])',
    );

  it(
    'keep each picture with its own caption, from the page to the job',
    async () => {
      const { first, second, loose } = await makePictures(makeTemporaryFolder());
      await drop([first, second]);
      await page.getByText(/Not taken: "2\.txt" is not UTF-8 text \(byte 4 is 0xE9\)/).waitFor();
      expect(await captions()).toEqual([
        ['Caption of 1.png', captionOf('red')],
        ['Caption of 1 (2).png', captionOf('green')],
        ['Caption of 1 (3).png', captionOf('blue')],
        ['Caption of 2.png', ''],
      ]);
      // What is written by hand is not replaced by what comes later.
      await page.getByLabel('Caption of 2.png').fill(captionOf('white'));
      await drop([loose]);
      await page.getByLabel('Caption of 1 (4).png').fill(captionOf('black'));
      expect(Object.fromEntries(await captions())).toMatchObject({
        'Caption of 1.png': captionOf('red'),
        'Caption of 2.png': captionOf('white'),
      });
      await drop([path.join(first, '1.txt')]);
      await page.getByText(/"1\.txt" may be of any of several images of one name/).waitFor();
      await expectAccessible(page);

      await changeSettings(page, fewSteps);
      const job = (await erase(page)).replace(/^.*\//, '');
      const folder = path.join(sidecar.dataFolder, 'jobs', job, 'forget-images');
      const staged = readdirSync(folder).filter((name) => name.endsWith('.png'));
      expect(staged).toHaveLength(5);
      for (const name of staged) {
        const caption = readFileSync(path.join(folder, name.replace('.png', '.txt')), 'utf8');
        const { dominant } = await sharp(path.join(folder, name)).stats();
        const colour = Object.entries(colours).find(
          ([, { r, g, b }]) =>
            Math.abs(dominant.r - r) + Math.abs(dominant.g - g) + Math.abs(dominant.b - b) < 60,
        );
        expect(caption).toBe(captionOf(colour?.[0] ?? 'unknown'));
      }
    },
    limitMs,
  );

  it('never asks another server for anything, and reports no error', () => {
    misdeeds.expectNone();
  });
});
