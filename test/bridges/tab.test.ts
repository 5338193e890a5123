import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { describeInBrowser, openPage } from '../browser/browser.ts';
import { launchBrowser } from '../browser/launch-browser.ts';
import { type HostKind, startHost, TestHost } from './host.ts';
import { describeWithPython } from './python.ts';

/** The page within the host's. */
const frameOf = (page: Page) => page.frameLocator('iframe[title="Erase Concept"]');

/** What the stub of ComfyUI's front end keeps, for the test to look at. */
const loaderValue = 'app.graph.nodes[0].widgets[0].value';

/** What the page tells the host's when it has chosen a model. */
async function choose(page: Page, model: string, replaces: string, origin = 'location.origin') {
  const data = JSON.stringify({ type: 'erase-concept:model', model, replaces });
  await page.evaluate(
    `dispatchEvent(new MessageEvent('message', { origin: ${origin}, data: ${data} }))`,
  );
}

describeInBrowser('the tab', () => {
  describeWithPython('in the host', () => {
    let browser: Browser;
    /** One of each kind, whose sidecar runs: what a page does to it stays in the page. */
    const hosts = new Map<HostKind, TestHost>();

    beforeAll(async () => {
      browser = await launchBrowser();
      for (const kind of ['a1111', 'comfyui'] as const) {
        const host = await TestHost.start(kind);
        hosts.set(kind, host);
        await host.whenReady();
        await host.reaches('running');
      }
    }, 120_000);
    afterAll(async () => {
      await browser.close();
      for (const host of hosts.values()) await host.remove();
    });

    /** A window of its own with the host's page. */
    async function openHost(kind: HostKind, query = '', script = ''): Promise<Page> {
      const page = await openPage(browser);
      if (script !== '') await page.addInitScript(script);
      await page.goto(`${hosts.get(kind)!.url.href}${query}`);
      return page;
    }

    async function expectPage(page: Page, theme: string): Promise<void> {
      await frameOf(page).getByRole('heading', { name: 'What should the model forget?' }).waitFor();
      await expect.poll(() => frameOf(page).locator('html').getAttribute('data-theme')).toBe(theme);
      // The models come through the API, with events behind them.
      await frameOf(page).getByText('64×64').waitFor();
    }

    it('of stable-diffusion-webui shows the page in its theme', async () => {
      const page = await openHost('a1111', '?__theme=dark');
      await page.getByRole('button', { name: 'Erase Concept' }).click();
      await expectPage(page, 'dark');
    });

    it.each([
      ['what they tell the browser', ':root { color-scheme: dark }'],
      ['light text', '* { color: #ddd !important }'],
    ])('knows dark themes of SD.Next by %s', async (_, style) => {
      const script = `addEventListener('DOMContentLoaded', () => {
        document.head.insertAdjacentHTML('beforeend', '<style>${style}</style>');
      })`;
      const page = await openHost('a1111', '?__theme=light', script);
      await page.getByRole('button', { name: 'Erase Concept' }).click();
      await expectPage(page, 'dark');
    });

    it('of stable-diffusion-webui shows the start, then the page', async () => {
      const host = await startHost('a1111');
      const page = await openPage(browser);
      await page.goto(`${host.url.href}?__theme=light`);
      await page.getByRole('button', { name: 'Erase Concept' }).click();
      await expectPage(page, 'light');
    });

    it('of stable-diffusion-webui has it show the model that was chosen', async () => {
      const page = await openHost('a1111');
      await page.getByRole('button', { name: 'Erase Concept' }).waitFor();
      await choose(page, 'evil.safetensors', 'original.safetensors', "'http://evil.example'");
      expect(await page.evaluate('desiredCheckpointName')).toBe('');
      await choose(page, 'without.safetensors', 'original.safetensors');
      expect(await page.evaluate('desiredCheckpointName')).toBe('without.safetensors');
    });

    it('of Forge has its list look for new files, and it take no other model', async () => {
      const page = await openPage(browser);
      const models = ['v1.safetensors', 'sd-v1.safetensors', 'v1-without.safetensors'];
      await page.route('**/erase-concept/api/models', (route) =>
        route.fulfill({ json: models.map((name) => ({ name })) }),
      );
      await page.goto(hosts.get('a1111')!.url.href);
      await page.getByRole('button', { name: 'Erase Concept' }).waitFor();
      await page.evaluate(`
        const refresh = document.createElement('button');
        refresh.id = 'forge_refresh_checkpoint';
        window.looks = 0;
        refresh.onclick = () => (window.looks += 1);
        document.body.append(refresh);
      `);
      const asked = page.waitForResponse('**/erase-concept/api/models');
      // Forge would take sd-v1 for it.
      await choose(page, 'v1.safetensors', 'v1-without.safetensors');
      await asked;
      await choose(page, 'v1-without.safetensors', 'v1.safetensors');
      await page.waitForFunction("desiredCheckpointName === 'v1-without.safetensors'");
      expect(await page.evaluate('[looks, choices]')).toEqual([2, ['v1-without.safetensors']]);
    });

    describe('of ComfyUI', () => {
      it('shows the page, and keeps it while the tab is hidden', async () => {
        const page = await openHost('comfyui');
        const tab = page.getByRole('button', { name: 'Erase Concept' });
        await tab.click();
        await expectPage(page, 'dark');
        const prompts = frameOf(page).getByLabel(/^Prompts to forget/);
        await prompts.fill('a heart');
        await tab.click();
        await prompts.waitFor({ state: 'hidden' });
        await tab.click();
        await prompts.waitFor();
        expect(await prompts.inputValue()).toBe('a heart');
      });

      it('follows the theme, as old and new front ends tell it', async () => {
        const page = await openHost('comfyui');
        await page.getByRole('button', { name: 'Erase Concept' }).click();
        await expectPage(page, 'dark');
        await page.evaluate("document.body.classList.remove('dark-theme')");
        await expectPage(page, 'light');
        await page.evaluate("document.documentElement.style.colorScheme = 'dark'");
        await expectPage(page, 'dark');
      });

      it('lets the edge of the sidebar be dragged over the page', async () => {
        const page = await openHost('comfyui');
        await page.getByRole('button', { name: 'Erase Concept' }).click();
        await page.locator('iframe').waitFor();
        await page.evaluate("addEventListener('mousemove', ({ x }) => (window.lastX = x))");
        await page.mouse.move(1000, 300);
        await page.mouse.down();
        await page.mouse.move(300, 300);
        expect(await page.evaluate('lastX')).toBe(300);
        await page.mouse.up();
        await page.mouse.move(200, 300);
        expect(await page.evaluate('lastX')).toBe(300);
      });

      it('puts a model into the loaders of the one that it replaces', async () => {
        const page = await openHost('comfyui');
        await page.getByRole('button', { name: 'Erase Concept' }).waitFor();
        await choose(page, 'evil.safetensors', 'original.safetensors', "'http://evil.example'");
        await choose(page, 'without.safetensors', 'original.safetensors');
        await page.getByText('without.safetensors is in this workflow now.').waitFor();
        expect(await page.evaluate(loaderValue)).toBe('without.safetensors');
        expect(await page.evaluate('app.refreshes')).toBe(1);
        expect(await page.evaluate('app.captures')).toBe(1);
        await choose(page, 'original.safetensors', 'without.safetensors');
        await expect.poll(() => page.evaluate(loaderValue)).toBe('original.safetensors');
      });

      it('asks which loader is meant where several could be', async () => {
        const page = await openHost('comfyui');
        await page.getByRole('button', { name: 'Erase Concept' }).waitFor();
        await page.evaluate(
          "app.graph.nodes.push({ id: 3, widgets: [{ name: 'ckpt_name', value: 'refiner' }] })",
        );
        await choose(page, 'new', 'none of these');
        await page.getByText('Several loaders could take new.').waitFor();
        expect(await page.evaluate(loaderValue)).toBe('original.safetensors');
      });

      it('puts a LoRA between a loader and what takes its model, once', async () => {
        const page = await openHost('comfyui');
        await page.getByRole('button', { name: 'Erase Concept' }).waitFor();
        const put = () =>
          page.evaluate(
            "postMessage({ type: 'erase-concept:lora', lora: 'less.safetensors', strength: 0.5 })",
          );
        await put();
        await page.getByText('less.safetensors is in this workflow now').waitFor();
        await put();
        await page.getByText('less.safetensors is in this workflow already').waitFor();
        const [links, added, captures] = await page.evaluate<
          [unknown, { type: string; widgets: { value?: unknown }[] }[], number]
        >('[Object.values(app.graph.links), app.graph.nodes.slice(2), app.captures]');
        const toSlot = { origin_slot: 0, target_slot: 0 };
        expect(links).toEqual([
          { ...toSlot, origin_id: 1, target_id: 3 },
          { ...toSlot, origin_id: 3, target_id: 2 },
        ]);
        expect(added).toMatchObject([
          {
            type: 'LoraLoaderModelOnly',
            widgets: [{ value: 'less.safetensors' }, { value: 0.5 }],
          },
        ]);
        expect(captures).toBe(1);
      });

      it('offers the model in use by its command, and says so where there is none', async () => {
        const page = await openHost('comfyui');
        await page.getByRole('button', { name: 'Erase Concept' }).waitFor();
        await page.evaluate("app.commands['EraseConcept.UseModel']()");
        await page.getByText('No model is in use yet.').waitFor();
      });
    });
  });
});
