/// <reference lib="dom" />
/** The player and the timeline in a real browser, also with long clips, whose results are made up. */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';

import { visit } from '../support/browser.js';
import { EMOTIONS, keep } from '../support/kept-result.js';
import { textOf, violations } from '../support/page.js';

const LONG = { duration: 600, count: 480 };
const SHORT = { duration: 12, count: 12 };

/** Opens the page with a result of that length, and waits for its waveform. */
async function opened(length: typeof LONG, context: Parameters<typeof visit>[0] = {}) {
  const visited = await visit({ reducedMotion: 'reduce', ...context });
  const { page, server } = visited;
  const result = keep(server.output, { file: 'clip.wav', ...length });
  await page.reload();
  await page.getByRole('button', { name: 'Open clip.wav' }).click();
  await page.waitForFunction(
    () => document.querySelector('.waveform > div')?.shadowRoot?.querySelector('canvas') != null,
  );
  return { ...visited, result };
}

/** Counts the colored pixels of the waveform, as rendered, in the given part of it from the beginning. */
async function coloredPixels(page: Page, share: number): Promise<number> {
  const seen = (await page.locator('.waveform').screenshot()).toString('base64');
  return page.evaluate(
    async ([data, at]) => {
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      const image = await createImageBitmap(new Blob([bytes]));
      const context = new OffscreenCanvas(image.width, image.height).getContext('2d')!;
      context.drawImage(image, 0, 0);
      const pixels = context.getImageData(0, 0, image.width, image.height).data;
      let count = 0;
      for (let i = 0; i < pixels.length; i += 4) {
        const [red, green, blue] = pixels.subarray(i, i + 3) as never as [number, number, number];
        const colored = Math.max(red, green, blue) - Math.min(red, green, blue) >= 40;
        if (colored && (i / 4) % image.width < at * image.width) count++;
      }
      return count;
    },
    [seen, share] as const,
  );
}

/** Returns the contrasts of pairs of CSS colors. */
function contrasts(page: Page, pairs: Record<string, readonly [string, string]>): Promise<Record<string, number>> {
  return page.evaluate((asked) => {
    const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })!;
    const probe = document.body.appendChild(document.createElement('i'));
    const luminance = (color: string): number => {
      probe.style.color = color;
      context.fillStyle = getComputedStyle(probe).color;
      context.fillRect(0, 0, 1, 1);
      const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data].map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      }) as [number, number, number];
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const found = Object.entries(asked).map(([name, [one, other]]) => {
      const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
      return [name, (light + 0.05) / (dark + 0.05)] as const;
    });
    probe.remove();
    return Object.fromEntries(found);
  }, pairs);
}

const focusedIn = (page: Page, list: string) =>
  page.evaluate(
    (selector) => Array.from(document.querySelectorAll(`${selector} button`)).indexOf(document.activeElement!),
    list,
  );
const currentIn = (page: Page, list: string) =>
  page.evaluate(
    (selector) =>
      Array.from(document.querySelectorAll(`${selector} button`)).flatMap((button, i) =>
        button.hasAttribute('aria-current') ? [i] : [],
      ),
    list,
  );

describe('the player', () => {
  it('keeps the colors of the part that was played', async () => {
    await using visited = await opened(SHORT);
    const { page } = visited;
    const before = await coloredPixels(page, 0.69);
    const box = (await page.locator('.waveform').boundingBox())!;
    await page.mouse.click(box.x + 0.7 * box.width, box.y + box.height / 2);
    await page.waitForFunction(() => document.querySelector('.transport .time')!.textContent.startsWith('8.4 s'));
    const after = await coloredPixels(page, 0.69);
    assert.ok(before > 1000, `${before} colored pixels`);
    assert.ok(Math.abs(after - before) < 0.02 * before, `${after} of ${before}`);
  });

  for (const width of [1280, 320]) {
    it(`shows ten minutes on ${width} pixels, each segment below its part of the waveform`, async () => {
      await using visited = await opened(LONG, { viewport: { width, height: 900 } });
      const { page, result, problems } = visited;
      const { wide, wave, edges } = await page.evaluate(() => {
        const { left, width: across } = document.querySelector('.waveform')!.getBoundingClientRect();
        return {
          wide: document.documentElement.scrollWidth,
          wave: { left, across },
          edges: Array.from(document.querySelectorAll('.segment-bar button')).map((button) => {
            const box = button.getBoundingClientRect();
            return [box.left, box.right] as const;
          }),
        };
      });
      assert.ok(wide <= width, `${wide} of ${width}`);
      assert.equal(edges.length, result.segments.length);
      result.segments.forEach(({ start, end }, i) => {
        const [left, right] = edges[i]!;
        const at = (time: number): number => wave.left + (wave.across * time) / result.duration;
        assert.ok(Math.abs(left - at(start)) < 2, `${i} begins at ${left}, not ${at(start)}`);
        assert.ok(Math.abs(right - at(end)) < 2, `${i} ends at ${right}, not ${at(end)}`);
      });
      // A click seeks to the position that it points at.
      await page.mouse.click(wave.left + 0.6 * wave.across, (await page.locator('.segment-bar').boundingBox())!.y + 8);
      assert.match(await textOf(page, '.transport .time'), /^(5:5[6-9]|6:0[0-4])/);
      assert.deepEqual(problems, []);
    });
  }

  it('shows the name of a segment if it fits, and never a part of it', async () => {
    await using visited = await opened(SHORT, { viewport: { width: 800, height: 900 } });
    const cut = await visited.page.evaluate(() =>
      Array.from(document.querySelectorAll('.bar-segment')).map((segment) => {
        const [outer, inner] = [segment, segment.firstElementChild!].map((node) => node.getBoundingClientRect());
        if (inner!.top >= outer!.bottom - 5) return 'hidden';
        return inner!.right <= outer!.right + 0.5 ? 'whole' : 'cut';
      }),
    );
    assert.deepEqual([...new Set(cut)].sort(), ['hidden', 'whole']);
  });

  it('renders only what changes during playback', async () => {
    await using visited = await opened(LONG);
    const { page } = visited;
    await page.evaluate(() => {
      const seen = ((window as never as { seen: string[] }).seen = []) as string[];
      new MutationObserver((records) => {
        for (const { type, attributeName } of records) seen.push(attributeName ?? type);
      }).observe(document.querySelector('.timeline')!, { subtree: true, childList: true, attributes: true });
    });
    await page.getByRole('button', { name: 'Play' }).click();
    await page.waitForFunction(() => Number.parseFloat(document.querySelector('.transport .time')!.textContent) > 2);
    await page.getByRole('button', { name: 'Pause' }).click();
    const seen = await page.evaluate(() => (window as never as { seen: string[] }).seen);
    assert.deepEqual([...new Set(seen)].sort(), ['aria-current', 'tabindex']);
    assert.ok(seen.length <= 40, `${seen.length} changes`);
    const points = await page.evaluate(
      () => document.querySelector('.areas polygon')!.getAttribute('points')!.split(' ').length,
    );
    assert.ok(points <= 2 * 602, `${points} points`);
  });

  it('scrolls the list to the current segment, but not the page', async () => {
    await using visited = await opened(LONG);
    const { page, result } = visited;
    const scrolled = () => page.evaluate(() => window.scrollY);
    const before = await scrolled();
    const box = (await page.locator('.waveform').boundingBox())!;
    await page.mouse.click(box.x + 0.6 * box.width, box.y + 10);
    await page.waitForFunction(() => document.querySelector('.segment-list')!.scrollTop > 0);
    assert.equal(await scrolled(), before);
    const [index, ...others] = await currentIn(page, '.segment-list');
    const { start, end } = result.segments[index!]!;
    assert.ok(start < 362 && end > 358, `${start} to ${end}`);
    assert.deepEqual(others, []);
    assert.deepEqual(await currentIn(page, '.segment-bar'), [index]);
    const inside = await page.evaluate(() => {
      const [list, entry] = ['.segment-list', '.segment-list [aria-current]'].map((selector) =>
        document.querySelector(selector)!.getBoundingClientRect(),
      );
      return entry!.top >= list!.top && entry!.bottom <= list!.bottom;
    });
    assert.ok(inside);
  });

  it('has one tab stop for each list, and arrow keys within it', async () => {
    await using visited = await opened(LONG);
    const { page } = visited;
    const stops = await page.evaluate(() =>
      ['.segment-bar', '.segment-list'].map(
        (list) =>
          Array.from(document.querySelectorAll<HTMLElement>(`${list} button`)).filter((b) => b.tabIndex === 0).length,
      ),
    );
    assert.deepEqual(stops, [1, 1]);
    await page.getByRole('button', { name: 'Play' }).focus();
    await page.keyboard.press('Tab');
    assert.equal(await focusedIn(page, '.segment-bar'), 0);
    for (const [key, index] of [
      ['ArrowRight', 1],
      ['ArrowRight', 2],
      ['ArrowLeft', 1],
      ['End', 479],
      ['ArrowRight', 479],
      ['Home', 0],
      ['ArrowLeft', 0],
    ] as const) {
      await page.keyboard.press(key);
      assert.equal(await focusedIn(page, '.segment-bar'), index, key);
    }
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    assert.match(await textOf(page, '.transport .time'), /^9:5/);
    assert.equal(await focusedIn(page, '.segment-bar'), 479);
    await page.keyboard.press('Tab');
    assert.equal(await focusedIn(page, '.segment-list'), 479, 'the current segment');
    await page.keyboard.press('ArrowLeft');
    assert.equal(await focusedIn(page, '.segment-list'), 478);
    await page.keyboard.press('Tab');
    assert.equal(await focusedIn(page, '.segment-list'), -1);
    assert.deepEqual(await violations(page), []);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`has enough contrast, ${colorScheme}`, async () => {
      await using visited = await opened(SHORT, { colorScheme });
      const { page } = visited;
      await page.locator('.segment-bar button').nth(3).click();
      const pairs: Record<string, readonly [string, string]> = {};
      const add = (what: string, color: string, ...papers: string[]): void => {
        for (const paper of papers) pairs[`${what} on ${paper}`] = [color, `var(--${paper})`];
      };
      const border = (selector: string) =>
        page
          .locator(selector)
          .first()
          .evaluate((element) => getComputedStyle(element).borderRightColor);
      for (const control of ['select', '.segmented', '.transport .button'])
        add(control, await border(control), 'surface', 'sunken', 'paper');
      for (const chosen of ['.segment-list [aria-current]', '.history-list .current'])
        add(chosen, await border(chosen), 'surface', 'selected', 'line');
      for (const emotion of EMOTIONS) add(emotion, `var(--${emotion})`, 'surface', 'sunken');
      for (const [what, contrast] of Object.entries(await contrasts(page, pairs)))
        assert.ok(contrast >= 3, `${what}: ${contrast.toFixed(2)}`);
      assert.deepEqual(await violations(page), []);
    });
  }

  it('follows the color scheme of the system when it changes', async () => {
    await using visited = await opened(SHORT, { colorScheme: 'light' });
    const { page } = visited;
    const colors = () =>
      page.evaluate(() => {
        const shadow = document.querySelector('.waveform > div')!.shadowRoot!;
        const canvas = shadow.querySelector('canvas')!;
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, 4, canvas.height);
        const drawn = data.findIndex((value, i) => i % 4 === 3 && value === 255) - 3;
        return {
          cursor: getComputedStyle(shadow.querySelector('.cursor')!).backgroundColor,
          ink: getComputedStyle(document.body).color,
          bar: data.subarray(drawn, drawn + 3).join(),
        };
      });
    const light = await colors();
    assert.equal(light.cursor, light.ink);
    await page.emulateMedia({ colorScheme: 'dark' });
    let dark = await colors();
    for (const end = Date.now() + 5000; dark.cursor === light.cursor; dark = await colors()) {
      assert.ok(Date.now() < end, 'the cursor stays as it was');
    }
    assert.equal(dark.cursor, dark.ink);
    assert.notEqual(dark.bar, light.bar);
  });

  it('has choices of the same size, whatever the length of their texts', async () => {
    await using visited = await visit({ locale: 'zh-CN', viewport: { width: 320, height: 740 } });
    const boxes = await visited.page.evaluate(() =>
      Array.from(document.querySelectorAll('.segmented span')).map((span) => {
        const { width, height } = span.getBoundingClientRect();
        return [Math.round(width), Math.round(height)];
      }),
    );
    assert.ok(boxes[0]![1]! > 50, 'one of them has two lines');
    assert.deepEqual(boxes[0], boxes[1]);
  });
});
