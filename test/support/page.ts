/// <reference lib="dom" />
/** Actions on the page. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

import { fixture } from './paths.js';

const axe = readFileSync(createRequire(__filename).resolve('axe-core/axe.min.js'), 'utf8');

/** The button that starts the recognition. */
export const RUN = 'button.primary';

/** Returns the serious problems that axe finds. axe is evaluated, because the policy of the page refuses added scripts. */
export async function violations(page: Page): Promise<string[]> {
  await page.waitForTimeout(500); // colors have no defined contrast during a transition
  await page.evaluate(axe);
  const { violations: found } = await page.evaluate(() =>
    (window as never as { axe: { run(): Promise<AxeResults> } }).axe.run(),
  );
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
}

export const choose = (page: Page, ...names: string[]): Promise<void> =>
  page.setInputFiles('input[type=file]', names.map(fixture));

/** Recognizes the selected files. Resolves when a result is shown. */
export async function recognize(page: Page): Promise<void> {
  await page.click(RUN);
  await page.waitForSelector('.headline');
  await page.waitForSelector(`${RUN}:not(.busy)`);
}

export async function example(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Example' }).click();
  await recognize(page);
}

export const textOf = async (page: Page, selector: string): Promise<string> => (await page.textContent(selector)) ?? '';
