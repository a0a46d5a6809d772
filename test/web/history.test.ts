/// <reference lib="dom" />
/** A long history is usable at every scroll position: nothing covers it. */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';

import { visit } from '../support/browser.js';
import { keep } from '../support/kept-result.js';
import { choose, RUN } from '../support/page.js';

const COUNT = 200;
/** 1280 x 900 at 200 % is 640 x 450. */
const SIZES = [
  [320, 740],
  [640, 450],
  [900, 720],
  [1280, 500],
  [1280, 720],
  [1280, 900],
  [2560, 1300],
] as const;

/** Returns the visible controls that are covered by something else, at eleven scroll positions. */
function covered(page: Page): Promise<{ seen: number; columns: number; found: string[] }> {
  return page.evaluate(async () => {
    const found: string[] = [];
    const columns = new Set<number>();
    let seen = 0;
    const end = document.documentElement.scrollHeight - innerHeight;
    for (let i = 0; i <= 10; i++) {
      scrollTo(0, (end * i) / 10);
      await new Promise((resolve) => requestAnimationFrame(resolve));
      const things = Array.from(
        document.querySelectorAll('#history-heading, .history-open, .history li > :last-child, .drop .button'),
      );
      for (const thing of things) {
        const box = thing.getBoundingClientRect();
        const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
        if (y < 1 || y > innerHeight - 1) continue;
        seen++;
        if (thing.matches('.history-open')) columns.add(Math.round(box.x));
        const top = document.elementFromPoint(x, y);
        if (!thing.contains(top)) {
          found.push(`${i}: ${thing.textContent.slice(0, 40)} is covered by ${top?.outerHTML.slice(0, 80)}`);
        }
      }
    }
    return { seen, columns: columns.size, found };
  });
}

describe('a history of many results', () => {
  for (const mode of ['one recording', 'a batch'] as const) {
    it(`can be clicked everywhere, with ${mode}`, async () => {
      await using visited = await visit();
      const { page, server } = visited;
      for (let i = 0; i < COUNT; i++) {
        keep(server.output, { file: `call-${i}.wav`, duration: 1, count: 1 });
      }
      await page.reload();
      if (mode === 'a batch') {
        await choose(page, 'speech.wav', 'speech.mp3', 'speech.flac', 'speech.ogg');
        await page.click(RUN);
        await page.waitForSelector('.batch-downloads');
      }
      const more = page.locator('.history > .button');
      const entries = page.locator('.history-open');
      await entries.first().waitFor();
      while ((await entries.count()) < COUNT) {
        const count = await entries.count();
        await more.click();
        await entries.nth(count).waitFor(); // entries arrive a page at a time
      }
      for (const [width, height] of SIZES) {
        await page.setViewportSize({ width, height });
        const { seen, columns, found } = await covered(page);
        assert.deepEqual(found, [], `${width} x ${height}`);
        assert.ok(seen > 30, `${width} x ${height}: ${seen}`);
        assert.equal(columns, width < 800 ? 1 : width < 1280 ? 2 : width < 2000 ? 3 : 4, `${width} x ${height}`);
      }
      // With the mouse, as people do.
      await page.setViewportSize({ width: 1280, height: 900 });
      for (const [at, name] of [
        [0, 'first'],
        [100, 'first'],
        [101, 'second'],
        [197, 'last'],
      ] as const) {
        const entry = entries.nth(at);
        const file = await entry.locator('.file-name').textContent();
        await entry.click({ position: { x: 20, y: 20 } });
        await page.waitForFunction((name) => document.querySelector('#result')?.textContent.includes(name!), file);
        assert.ok(await entry.evaluate((element) => element.parentElement!.matches('.current')), `${name} column`);
      }
      assert.deepEqual(visited.problems, []);
    });
  }

  it('keeps the controls visible beside a longer result, and all of them reachable', async () => {
    await using visited = await visit({ viewport: { width: 1280, height: 720 } });
    const { page } = visited;
    await choose(
      page,
      'speech.wav',
      'speech.mp3',
      'speech.flac',
      'speech.ogg',
      'speech.opus',
      'speech.m4a',
      'speech.webm',
    );
    const run = page.locator(RUN);
    await run.click(); // scrolls to it if necessary
    await page.waitForSelector('.batch-downloads');
    const box = (await run.boundingBox())!;
    assert.ok(box.height > 0);
  });
});
