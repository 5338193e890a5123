import type { Frame, Page } from 'playwright-core';

/** The page by itself or in a web UI. */
type View = Frame | Page;

/** What a person changes under the advanced settings, by label. */
export type Changes = Readonly<Record<string, string>>;

/** Little enough for a test, and still a whole erasure. */
export const fewSteps: Changes = {
  Steps: '6',
  Batch: '1',
  'Pictures drawn to forget': '2',
  'Pictures drawn to keep': '2',
  'Steps between previews': '0',
  'Pictures to compare': '0',
};

/** What a comparison needs that a test can wait for. */
export const fewPictures: Changes = {
  'Pictures to compare': '1',
  'What is compared': 'prompts',
};

/** So many that a test can do something while it trains. */
export const manySteps: Changes = { ...fewSteps, Steps: '600' };

/** The preset of the tiny model, with other settings. */
export async function choosePontilla(page: View, changes: Changes): Promise<void> {
  await page.getByRole('button', { name: /Pontilla/ }).click();
  await changeSettings(page, changes);
}

export async function changeSettings(page: View, changes: Changes): Promise<void> {
  await page.locator('summary', { hasText: 'Advanced settings' }).click();
  for (const [label, value] of Object.entries(changes)) {
    const field = page.getByLabel(label, { exact: true });
    const isChoice = await field.evaluate(({ constructor }) => constructor.name.includes('Select'));
    await (isChoice ? field.selectOption(value) : field.fill(value));
  }
}

/** A busy machine trains ten times as long as an idle one. */
export const jobLimitMs = 240_000;

/** Starts what was chosen. @returns once the job is shown, its address */
export async function erase(page: View): Promise<string> {
  await page.getByRole('button', { name: 'Erase', exact: true }).click();
  await page.waitForURL(/#\/jobs\/./);
  return page.url();
}

/** Waits until the open job is done. */
export async function waitForResult(page: View): Promise<void> {
  await page.getByRole('heading', { name: /^Without / }).waitFor({ timeout: jobLimitMs });
}

/** Waits until the open job has done so many steps. */
export async function waitForStep(page: View, least: number): Promise<void> {
  const steps = page.getByText(/^step \d+ of \d+$/);
  for (;;) {
    const text = (await steps.textContent({ timeout: jobLimitMs })) ?? '';
    if (Number(/\d+/.exec(text)?.[0]) >= least) return;
    await page.waitForTimeout(100);
  }
}
