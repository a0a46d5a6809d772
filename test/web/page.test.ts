/// <reference lib="dom" />
/** The page in a real browser, against the real server and the built-in model. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

import { picture, visit } from '../support/browser.js';
import { choose, example, recognize, RUN, textOf, violations } from '../support/page.js';
import { fixture, root } from '../support/paths.js';

describe('the page', () => {
  it('opens without layout shifts and without requests to other hosts', async () => {
    await using visited = await visit();
    const { page, problems } = visited;
    await page.waitForSelector('.model-state.unloaded');
    assert.match(await textOf(page, '.model-state'), /not loaded.*small-en-de · \d+ MB of memory/);
    const shift = await page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          new PerformanceObserver((list) => {
            const entries = list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[];
            resolve(entries.reduce((sum, entry) => sum + (entry.hadRecentInput ? 0 : entry.value), 0));
          }).observe({ type: 'layout-shift', buffered: true });
          setTimeout(() => resolve(0), 500);
        }),
    );
    assert.ok(shift < 0.01, `layout shift ${shift}`);
    assert.deepEqual(problems, []);
  });

  it('is small: less than 200 kB of script', () => {
    const folder = path.join(root, 'dist/web/assets');
    const scripts = readdirSync(folder).filter((name) => name.endsWith('.js'));
    const bytes = scripts.reduce((sum, name) => sum + gzipSync(readFileSync(path.join(folder, name))).length, 0);
    assert.ok(scripts.length > 0 && bytes < 200_000, `${bytes} bytes`);
  });

  it('recognizes a recording and shows the result', async () => {
    await using visited = await visit();
    const { page, problems } = visited;
    // Collects the texts of the button.
    await page.evaluate((selector) => {
      const texts = ((window as never as { texts: string[] }).texts = []) as string[];
      const note = (): number => texts.push(document.querySelector(selector)?.textContent ?? '');
      new MutationObserver(note).observe(document.querySelector(selector)!, {
        subtree: true,
        characterData: true,
        childList: true,
      });
    }, '.run');
    await example(page);
    const texts = await page.evaluate(() => (window as never as { texts: string[] }).texts);
    for (const words of [/Uploading|Loading the model: \d+%/, /Recognizing/])
      assert.ok(
        texts.some((text) => words.test(text)),
        texts.join(),
      );
    assert.equal(await textOf(page, '.headline-file'), 'example.ogg');
    assert.match(await textOf(page, '.headline-confidence'), /^(Low c|C)onfidence:? \d+\.\d%$/);
    assert.equal(await page.locator('.scores dl > div').count(), 9);
    assert.equal(await page.locator('.scores .unused').count(), 2);
    assert.match(await textOf(page, '.facts'), /12\.7 s.*\d+ ms.*small-en-de, fp32, cpu/);
    assert.match(await textOf(page, '.model-state'), /Model ready.*fp32 · cpu/);
    // The waveform is drawn in more than one color.
    await page.waitForFunction(() => {
      const canvas = document.querySelector('.waveform > div')?.shadowRoot?.querySelector('canvas');
      if (!canvas || canvas.width === 0) return false;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      const colors = new Set<number>();
      for (let i = 0; i < data.length; i += 4)
        if (data[i + 3] === 255) colors.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
      return colors.size > 3;
    });
    await picture(page, 'page');
    // A click on a segment seeks to it, and playback starts there.
    const segments = page.locator('.segment-bar button');
    assert.ok((await segments.count()) > 3);
    await segments.last().click();
    const time = async () => Number.parseFloat(await textOf(page, '.transport .time'));
    assert.ok((await time()) > 8);
    assert.equal(await page.locator('.segment-list [aria-current]').count(), 1);
    await segments.nth(1).click();
    const before = await time();
    await page.getByRole('button', { name: 'Play' }).click();
    await page.waitForFunction(
      (from) => Number.parseFloat(document.querySelector('.transport .time')!.textContent) > from + 0.3,
      before,
    );
    await page.getByRole('button', { name: 'Pause' }).click();
    // Clicking on the waveform seeks too.
    const box = (await page.locator('.waveform').boundingBox())!;
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    assert.ok(Math.abs((await time()) - 6.2) < 0.3, String(await time()));
    for (const name of ['result.json', 'processed_audio.wav']) {
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name }).click()]);
      assert.match(download.suggestedFilename(), /^example\.(json|wav)$/);
    }
    assert.deepEqual(problems, []);
  });

  it('creates the timeline of a clip that was recognized without one', async () => {
    await using visited = await visit();
    const { page } = visited;
    await page.check('input[value=utterance]');
    await choose(page, 'speech.wav');
    await recognize(page);
    assert.equal(await page.locator('.timeline').count(), 0);
    await page.getByRole('button', { name: 'Create a timeline' }).click();
    await page.waitForSelector('.timeline');
  });

  it('records from the microphone', async () => {
    await using visited = await visit({ permissions: ['microphone'] });
    const { page, problems } = visited;
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    await page.waitForSelector('button.recording');
    await page.waitForFunction(
      () => Number.parseFloat(document.querySelector('.recording .time')?.textContent ?? '0') >= 1.2,
    );
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.waitForSelector('.chosen li');
    assert.match(await textOf(page, '.chosen .file-name'), /^Microphone \d\d\.\d\d\.\d\d\.webm$/);
    await recognize(page);
    assert.match(await textOf(page, '.facts'), /Duration\s*1\.\d s/);
    assert.deepEqual(problems, []);
  });

  it('recognizes a batch, sorts it, opens a result, and downloads a table', async () => {
    await using visited = await visit();
    const { page, problems } = visited;
    await choose(page, 'speech.wav', 'text.wav', 'speech.webm', 'speech-alaw.wav');
    assert.match(await textOf(page, RUN), /Recognize 4 files/);
    await page.click(RUN);
    await page.waitForSelector('.batch-downloads');
    const names = () => page.locator('tbody th').allTextContents();
    assert.deepEqual(await names(), ['speech.wav', 'text.wav', 'speech.webm', 'speech-alaw.wav']);
    const header = page.locator('thead th').first();
    await header.getByRole('button').click();
    assert.equal(await header.getAttribute('aria-sort'), 'ascending');
    assert.deepEqual(await names(), ['speech-alaw.wav', 'speech.wav', 'speech.webm', 'text.wav']);
    await page.getByRole('button', { name: 'Confidence' }).click();
    await page.getByRole('button', { name: 'Confidence' }).click();
    const shown = await page.locator('tbody td:nth-child(3)').allTextContents();
    const numbers = shown.filter(Boolean).map(Number.parseFloat);
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => b - a),
    );
    assert.equal(shown.at(-1), '', 'failures are last');
    assert.match(await textOf(page, 'tbody td.bad'), /^Failed: The file could not be decoded/);
    await page.getByRole('button', { name: 'Open speech.webm' }).first().click();
    assert.equal(await textOf(page, '.headline-file'), 'speech.webm');
    await picture(page, 'batch');
    const csv = await page.evaluate(async () =>
      (await fetch(document.querySelector<HTMLAnchorElement>('.batch-downloads a')!.href)).text(),
    );
    assert.equal(csv.trim().split('\n').length > 4, true);
    assert.match(csv, /^text\.wav,,.*ERR_AUDIO_DECODE$/m);
    assert.deepEqual(problems, []);
    assert.deepEqual(await violations(page), []);
  });

  it('explains an error, and works afterwards', async () => {
    await using visited = await visit({ server: { maxUploadBytes: 100_000 } });
    const { page } = visited;
    await choose(page, 'text.wav');
    await page.click(RUN);
    await page.waitForSelector('.failure');
    assert.match(await textOf(page, '.failure'), /could not be decoded.*ERR_AUDIO_DECODE · Request [0-9a-f-]{36}/s);
    await page.getByRole('button', { name: 'Dismiss' }).click();
    assert.equal(await page.locator('.failure').count(), 0);
    await page.getByRole('button', { name: 'Remove text.wav' }).click();
    await choose(page, 'speech-stereo-44k.wav');
    await page.click(RUN);
    await page.waitForSelector('.failure');
    assert.match(await textOf(page, '.failure'), /larger than this server allows.*ERR_UPLOAD_TOO_LARGE/s);
    await page.getByRole('button', { name: /^Remove/ }).click();
    await example(page);
    assert.equal(await page.locator('.failure').count(), 0);
  });

  it('shows that the server does not respond, and that it responds again', async () => {
    await using visited = await visit();
    const { page } = visited;
    await page.waitForSelector('.model-state.unloaded');
    await page.context().setOffline(true);
    await choose(page, 'speech.wav');
    await page.click(RUN);
    await page.waitForSelector('.failure');
    assert.match(await textOf(page, '.failure'), /The server does not respond/);
    await page.waitForSelector('.model-state.bad');
    await page.context().setOffline(false);
    await recognize(page);
    assert.match(await textOf(page, '.model-state'), /Model ready/);
  });

  it('cancels', async () => {
    await using visited = await visit();
    const { page, server } = visited;
    const long = Buffer.concat([readFileSync(fixture('speech.wav')).subarray(0, 44), Buffer.alloc(2 * 16000 * 1800)]);
    long.writeUInt32LE(long.length - 44, 40);
    const file = path.join(server.output, 'long.wav');
    writeFileSync(file, long);
    await page.setInputFiles('input[type=file]', file);
    await page.click(RUN);
    await page.waitForFunction((run) => /Recognizing part/.test(document.querySelector(run)!.textContent), RUN);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.waitForSelector(`${RUN}:not(.busy)`);
    assert.equal(await page.locator('.failure').count(), 0);
    for (
      const end = Date.now() + 5000;
      server.recognizer.status().requests.cancelled === 0;
      await page.waitForTimeout(20)
    ) {
      assert.ok(Date.now() < end);
    }
  });

  it('has a history: opens, compares and deletes results', async () => {
    await using visited = await visit();
    const { page, problems } = visited;
    await page.getByText('Keep the embedding').click();
    for (const name of ['speech.wav', 'speech.flac']) {
      await choose(page, name);
      await recognize(page);
      await page.waitForFunction((file) => document.querySelector('.headline-file')?.textContent === file, name);
    }
    await page.waitForFunction(() => document.querySelectorAll('.history-list li').length === 2);
    await page.locator('.similarity select').selectOption({ index: 1 });
    await page.waitForSelector('.similarity-value');
    assert.match(await textOf(page, '.similarity-value'), /^(1\.000|0\.99\d)$/, 'the same speech');
    await page.reload();
    await page.getByRole('button', { name: 'Open speech.wav' }).click();
    await page.waitForSelector('.headline');
    assert.equal(await textOf(page, '.headline-file'), 'speech.wav');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'embedding.npy' }).click(),
    ]);
    assert.equal(download.suggestedFilename(), 'speech.npy');
    await page.getByRole('button', { name: 'Delete speech.flac' }).click();
    await page.getByRole('button', { name: 'Confirm deleting speech.flac' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.history-list li').length === 1);
    assert.deepEqual(problems, []);
  });
});
