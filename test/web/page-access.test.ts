/// <reference lib="dom" />
/** The page in other languages and themes, by keyboard, on phones, with a token; and the documentation of the API. */
import assert from 'node:assert/strict';

import { picture, visit } from '../support/browser.js';
import { choose, example, recognize, RUN, textOf, violations } from '../support/page.js';

describe('the page', () => {
  it('is available in Chinese, and remembers the choice', async () => {
    await using visited = await visit();
    const { page } = visited;
    await page.getByLabel('Language').selectOption('zh');
    assert.equal(await page.getAttribute('html', 'lang'), 'zh-CN');
    await page.getByRole('button', { name: '示例音频' }).click();
    await recognize(page);
    assert.match(await textOf(page, '.headline-emotion'), /^(生气|厌恶|恐惧|开心|中立|其他|难过)$/);
    await page.reload();
    assert.equal(await textOf(page, '#input-heading'), '上传音频');
    await using second = await visit({ locale: 'zh-CN' });
    assert.equal(await textOf(second.page, '#input-heading'), '上传音频', 'the language of the browser');
  });

  it('has a dark theme', async () => {
    await using visited = await visit({ colorScheme: 'dark' });
    const { page } = visited;
    const isDark = () =>
      page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g)!.map(Number)[0]! < 80);
    assert.equal(await isDark(), true, 'the theme of the system');
    await page.getByLabel('Color theme').selectOption('light');
    assert.equal(await isDark(), false);
    await page.getByLabel('Color theme').selectOption('dark');
    await page.getByLabel('Language').selectOption('zh');
    await page.reload();
    assert.equal(await isDark(), true);
    await page.getByRole('button', { name: '示例音频' }).click();
    await recognize(page);
    assert.deepEqual(await violations(page), []);
    await picture(page, 'page-dark-zh');
  });

  it('works by keyboard alone', async () => {
    await using visited = await visit();
    const { page } = visited;
    const press = (key: string) => page.keyboard.press(key);
    const focused = () =>
      page.evaluate(
        () => document.activeElement?.textContent || (document.activeElement as HTMLInputElement | null)?.value,
      );
    const tabTo = async (words: RegExp): Promise<void> => {
      for (let i = 0; i < 40; i++) {
        await press('Tab');
        if (words.test((await focused()) ?? '')) return;
      }
      assert.fail(`Tab does not reach ${words.source}`);
    };
    await press('Tab');
    assert.equal(await focused(), 'Skip to the result');
    await tabTo(/^Choose files/);
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle);
    assert.notEqual(outline, 'none', 'the focus is visible');
    await tabTo(/^Example/);
    await press('Enter');
    await page.waitForSelector('.chosen li');
    await tabTo(/^frame$/);
    await press('ArrowRight');
    assert.equal(await focused(), 'utterance');
    await press('ArrowLeft');
    await tabTo(/^on$/);
    await press('Space');
    assert.equal(await page.isChecked('input[type=checkbox]'), true);
    await tabTo(/^Recognize/);
    await press('Enter');
    await page.waitForSelector('.headline');
    await page.waitForSelector(`${RUN}:not(.busy)`);
    await page.waitForFunction(
      () => /, (Low c|C)onfidence:? \d+\.\d%/.test(document.querySelector('[role=status]')!.textContent),
      undefined,
      { timeout: 5000 },
    );
    await page.focus('#result');
    await tabTo(/^(Angry|Neutral|Happy)/); // the timeline
    await press('ArrowRight');
    await press('Enter');
    assert.ok(Number.parseFloat(await textOf(page, '.transport .time')) > 0);
  });

  it('has no serious accessibility problem, and fits a phone', async () => {
    await using visited = await visit();
    assert.deepEqual(await violations(visited.page), []);
    await visited.page.getByText('Keep the embedding').click();
    await example(visited.page);
    assert.deepEqual(await violations(visited.page), []);
    await using phone = await visit({ viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
    const { page } = phone;
    await example(page);
    assert.deepEqual(await violations(page), []);
    const [wide, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(wide <= inner, `${wide} of ${inner}`);
    await page.waitForFunction(
      () => document.querySelector('#result')!.getBoundingClientRect().top < window.innerHeight / 2,
    );
    await picture(page, 'page-phone');
  });

  it('works on a server that keeps no results', async () => {
    await using visited = await visit({ server: { keep: false } });
    const { page, problems } = visited;
    await choose(page, 'speech.wav');
    await recognize(page);
    await page.waitForFunction(
      () => document.querySelector('.waveform > div')?.shadowRoot?.querySelector('canvas') != null,
    );
    assert.match(await textOf(page, '.history'), /does not keep results/);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'result.json' }).click(),
    ]);
    assert.equal(download.suggestedFilename(), 'speech.json');
    assert.deepEqual(problems, []);
  });

  it('has a login with the token, and a logout', async () => {
    await using visited = await visit({ server: { security: { token: 'open sesame' } } });
    const { page } = visited;
    await page.fill('#token', 'wrong');
    await page.click('button');
    assert.equal(await textOf(page, '[role=alert]'), 'The token is incorrect.');
    assert.deepEqual(await violations(page), []);
    await page.fill('#token', 'open sesame');
    await page.press('#token', 'Enter');
    await page.waitForSelector('.model-state.unloaded');
    await example(page);
    const [session] = await page.context().cookies();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.waitForSelector('#token');
    assert.deepEqual(await page.context().cookies(), []);
    const cookie = `${session!.name}=${session!.value}`;
    assert.equal((await visited.server.app.inject({ url: '/api/status', headers: { cookie } })).statusCode, 401);
    await using open = await visit();
    assert.equal(
      await open.page.getByRole('button', { name: 'Log out' }).count(),
      0,
      'without a token there is no logout',
    );
  });

  it('has documentation of the API that works under its policy', async () => {
    await using visited = await visit();
    const { page, url, problems } = visited;
    await page.goto(`${url}docs`);
    await page.waitForSelector('.endpoint');
    assert.ok((await page.locator('.endpoint').count()) >= 20);
    const upload = page.locator('#post-api-recognize');
    await upload.locator('summary').first().click();
    assert.match((await upload.textContent()) ?? '', /curl -F file=@recording\.wav .*\/api\/recognize/);
    await upload.getByRole('link', { name: 'ClipResult' }).first().click();
    assert.equal(await page.locator('#schema-ClipResult').evaluate((entry: HTMLDetailsElement) => entry.open), true);
    assert.deepEqual(problems, []);
    assert.deepEqual(await violations(page), []);
    for (const details of await page.locator('details.endpoint').all()) {
      await details.evaluate((entry: HTMLDetailsElement) => (entry.open = true));
    }
    await page.setViewportSize({ width: 320, height: 740 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 320, `${wide} of 320`);
    assert.deepEqual(await violations(page), []);
  });
});
