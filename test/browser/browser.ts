import { existsSync } from 'node:fs';

import axe, { type AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { describe, expect } from 'vitest';

import { chromiumPath } from './launch-browser.ts';

const isThere = existsSync(chromiumPath);

if (!isThere) {
  const remedy = `there is no ${chromiumPath}: install chromium (Debian)`;
  if (process.env.CI) throw new Error(`the page's tests may not be skipped in CI, but ${remedy}`);
  console.warn(`The page's tests are skipped: ${remedy}.`);
}

/** A `describe` for tests in a real browser; skipped aloud where there is none, never in CI. */
export const describeInBrowser = describe.skipIf(!isThere);

/** Long for a page, even on a busy machine; what trains is waited for longer. */
const WAIT_MS = 15_000;

/** A window of a person of its own. */
export async function openPage(browser: Browser): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 860 },
    // Without a graphics card, what moves on a page takes a processor away from what trains.
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  // The page is put together when it is first asked for, on a machine that runs other tests.
  page.setDefaultNavigationTimeout(4 * WAIT_MS);
  return page;
}

/** What a page did that it must not do. */
export class Misdeeds {
  private readonly found: string[] = [];

  /** @param address what the page may ask */
  constructor(page: Page, address: string) {
    page.on('pageerror', (error) => this.found.push(error.message));
    page.on('console', (message) => {
      // Answers are looked at below; a server that is down is tested.
      const isOfAnswer = message.text().startsWith('Failed to load resource');
      const isNetwork = message.text().includes('net::ERR_');
      if (message.type() === 'error' && !isOfAnswer && !isNetwork) this.found.push(message.text());
    });
    page.on('response', (response) => {
      // A refusal (422) is an answer that the page shows.
      const status = response.status();
      if (status === 404 || status >= 500) this.found.push(`${status} for ${response.url()}`);
    });
    page.on('request', (request) => {
      const url = request.url();
      const isOwn = url.startsWith(`${address}/`) || /^(blob|data):/.test(url);
      if (!isOwn) this.found.push(`asked ${url}`);
    });
  }

  expectNone(): void {
    expect(this.found).toEqual([]);
  }
}

/** What axe is asked in each theme: all that it knows, then again what depends on colours. */
const asked = {
  light: '{}',
  dark: "{ runOnly: ['color-contrast', 'link-in-text-block'] }",
};

/** Holds what is shown to axe's rules, in both themes. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    // A page that follows by a script is there a frame later.
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done)))');
    const { violations } = await page.evaluate<AxeResults>(`axe.run(${asked[colorScheme]})`);
    const found = violations.flatMap(({ id, help, nodes }) =>
      nodes.map(({ html }) => `${colorScheme}: ${id}, ${help}: ${html.slice(0, 160)}`),
    );
    expect(found).toEqual([]);
  }
}

/** Holds a page to its width: nothing may have to be scrolled sideways. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const widths = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
  expect(await page.evaluate<number>(widths)).toBeLessThanOrEqual(0);
}
