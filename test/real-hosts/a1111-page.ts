import type { Frame, Page } from 'playwright-core';

import { jobLimitMs } from '../browser/steps.ts';
import type { WebUiKind } from './a1111-kinds.ts';

/** The web UI's own page, as a person uses it. */
export class A1111Page {
  readonly page: Page;
  private readonly url: URL;
  private readonly kind: WebUiKind;

  constructor(page: Page, url: URL, kind: WebUiKind) {
    this.page = page;
    this.url = url;
    this.kind = kind;
  }

  async open(): Promise<void> {
    await this.page.goto(`${this.url.href}?__theme=dark`);
  }

  /** Shows one of its tabs. */
  async show(tab: string): Promise<void> {
    // Styles may write a name in other letters.
    const name = new RegExp(`^${tab}$`, 'i');
    await this.page.getByRole(this.kind.tabRole, { name }).click({ timeout: jobLimitMs });
  }

  /** Opens our tab beside the web UI's own, in its theme. */
  async openOurs(): Promise<Frame> {
    await this.open();
    await this.show('Erase Concept');
    const element = this.page.locator('#erase-concept-frame');
    await element.and(this.page.locator('[src*="theme"]')).waitFor();
    const view = await (await element.elementHandle()).contentFrame();
    if (!view) throw new Error('the tab shows no page');
    await view.locator('html[data-theme="dark"]').waitFor();
    return view;
  }

  /** Waits until it shows a file as the model, whose hash it may know. */
  async showsAsModel(file: string): Promise<void> {
    const [shown, name] = [this.kind.chosenModel, file].map((text) => JSON.stringify(text));
    await this.page.waitForFunction(`document.querySelector(${shown}).value.startsWith(${name})`);
  }

  /** Draws in its own tab. @returns the model that the picture's text names */
  async drawnWith(): Promise<string | undefined> {
    await this.show('txt2img');
    for (const [slider, value] of [
      ['steps', '2'],
      ['width', '64'],
      ['height', '64'],
    ]) {
      await this.page.locator(`#txt2img_${slider} input[type=number]`).fill(value ?? '');
    }
    await this.page.locator('#txt2img_prompt textarea').fill(`a red heart, ${performance.now()}`);
    await this.page.locator('#txt2img_generate').click();
    const text = this.page.locator('#html_info_txt2img').first();
    const prompt = await this.page.locator('#txt2img_prompt textarea').inputValue();
    await text.getByText(prompt).waitFor({ timeout: jobLimitMs });
    const model = /Model: ([^,]+)/.exec((await text.textContent()) ?? '')?.[1];
    await this.show('Erase Concept');
    return model;
  }

  /** Installs an extension as people do. */
  async installFromUrl(url: string, name: string): Promise<void> {
    await this.open();
    await this.show('Extensions');
    await this.show('Install from URL');
    await this.page.getByLabel("URL for extension's git repository").fill(url);
    await this.page.getByLabel('Local directory name').fill(name);
    await this.page.getByRole('button', { name: 'Install', exact: true }).click();
    await this.page.getByText(/^Installed into /).waitFor({ timeout: jobLimitMs });
  }

  async reload(): Promise<void> {
    await this.page.getByRole('link', { name: 'Reload UI' }).click();
  }
}
