/// <reference lib="dom" />
/** Mishaps of use: double clicks, wrong moments, other tabs, a server that changes. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';

import { visit } from '../support/browser.js';
import { choose, example, recognize, RUN, textOf } from '../support/page.js';
import { fixture } from '../support/paths.js';
import type { TestServer } from '../support/server.js';

const speech = readFileSync(fixture('speech.wav'));
const BUSY = `${RUN}.busy`;
const IDLE = `${RUN}:not(.busy)`;
const chosenNames = (page: Page): Promise<string[]> => page.locator('.chosen .file-name').allTextContents();
const entries = (page: Page): Promise<string[]> => page.locator('.history-list .file-name').allTextContents();

/** Keeps results on the server before the page is opened. */
async function keep(server: TestServer, ...names: string[]): Promise<void> {
  for (const name of names) {
    const query = { name, embedding: 'true' };
    const headers = { 'content-type': 'audio/wav' };
    const answer = await server.app.inject({ method: 'POST', url: '/api/recognize', payload: speech, headers, query });
    assert.equal(answer.statusCode, 200);
  }
}

/** Writes a recording that takes long to recognize. */
function longFile(server: TestServer, name = 'long.wav'): string {
  const wav = Buffer.concat([speech.subarray(0, 44), Buffer.alloc(2 * 16000 * 1200)]);
  wav.writeUInt32LE(wav.length - 44, 40);
  const file = path.join(server.output, name);
  writeFileSync(file, wav);
  return file;
}

describe('mishaps on the page', () => {
  it('a double click on a button acts once', async () => {
    await using visited = await visit({ permissions: ['microphone'] });
    const { page, server } = visited;
    let posts = 0;
    page.on('request', (request) => (posts += Number(request.method() === 'POST')));
    await page.evaluate(() => {
      const streams = ((window as never as { streams: MediaStream[] }).streams = []) as MediaStream[];
      const devices = navigator.mediaDevices;
      const real = devices.getUserMedia.bind(devices);
      devices.getUserMedia = async (constraints) => {
        const stream = await real(constraints);
        streams.push(stream);
        return stream;
      };
    });
    await choose(page, 'speech.wav', 'speech.flac', 'speech.ogg');
    await page.getByRole('button', { name: 'Remove speech.wav' }).dblclick();
    assert.deepEqual(await chosenNames(page), ['speech.flac', 'speech.ogg']);
    await page.getByRole('button', { name: 'Remove all' }).click();

    await page.getByRole('button', { name: 'Record', exact: true }).dblclick();
    await page.waitForFunction(
      () => Number.parseFloat(document.querySelector('.recording .time')?.textContent ?? '0') >= 0.6,
    );
    await page.getByRole('button', { name: 'Stop' }).dblclick();
    await page.waitForSelector('.chosen li');
    await page.waitForTimeout(300);
    assert.equal(await page.locator('button.recording').count(), 0, 'no second recording starts');
    const live = await page.evaluate(() =>
      (window as never as { streams: MediaStream[] }).streams.map((stream) => stream.active),
    );
    assert.deepEqual(live, [false], 'one microphone stream, closed');
    await page.getByRole('button', { name: /^Remove Microphone/ }).click();

    await page.setInputFiles('input[type=file]', longFile(server));
    const box = (await page.locator(RUN).boundingBox())!;
    await page.mouse.dblclick(box.x + 0.9 * box.width, box.y + box.height / 2);
    await page.waitForFunction((run) => /Recognizing/.test(document.querySelector(run)!.textContent), RUN);
    await page.getByRole('button', { name: 'Cancel' }).dblclick();
    await page.waitForSelector(IDLE);
    await page.waitForTimeout(300);
    assert.equal(await page.locator(BUSY).count(), 0);
    assert.equal(posts, 1);
  });

  it('deleting requires confirmation, moves the focus to the next entry, and closes the shown result', async () => {
    await using visited = await visit();
    const { page, server, url } = visited;
    await keep(server, 'a.wav', 'b.wav', 'c.wav');
    await page.goto(url);
    await page.getByRole('button', { name: 'Open c.wav' }).click();
    await page.waitForSelector('.headline');
    await page.getByRole('button', { name: 'Delete c.wav' }).dblclick();
    await page.waitForTimeout(300);
    assert.deepEqual(await entries(page), ['c.wav', 'b.wav', 'a.wav']);
    await page.getByRole('button', { name: 'Confirm deleting c.wav' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.history-list li').length === 2);
    assert.equal(await page.locator('.headline').count(), 0);
    assert.match((await page.evaluate(() => document.activeElement?.textContent)) ?? '', /b\.wav/);
  });

  it('an entry that another tab has deleted disappears', async () => {
    await using visited = await visit();
    const { page, server, url } = visited;
    await keep(server, 'a.wav', 'b.wav', 'c.wav');
    await page.goto(url);
    await page.getByRole('button', { name: 'Open a.wav' }).waitFor();
    const { results } = (await server.app.inject('/api/results')).json<{ results: { id: string }[] }>();
    for (const { id } of results) await server.app.inject({ method: 'DELETE', url: `/api/results/${id}` });
    await page.getByRole('button', { name: 'Open c.wav' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.history-list li').length === 2);
    assert.match(await textOf(page, '.failure'), /no longer exists/);
    await page.getByRole('button', { name: 'Delete b.wav' }).click();
    await page.getByRole('button', { name: 'Confirm deleting b.wav' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.history-list li').length === 1);
  });

  it('older entries appear once, and stay when new ones arrive', async () => {
    await using visited = await visit();
    const { page, server, url } = visited;
    await keep(server, ...Array.from({ length: 25 }, (_, i) => `${i}.wav`));
    await page.goto(url);
    const more = page.getByRole('button', { name: 'Show older results' });
    await more.evaluate((button: HTMLButtonElement) => {
      button.click();
      button.click();
    });
    await page.waitForFunction(() => document.querySelectorAll('.history-list li').length >= 25);
    assert.equal((await entries(page)).length, 25);
    await choose(page, 'speech.wav');
    await recognize(page);
    await page.waitForFunction(() => document.querySelectorAll('.history-list li').length === 26);
    assert.equal(new Set(await entries(page)).size, 26);
  });

  it('of two entries that are opened, the last is shown, with its similarity', async () => {
    await using visited = await visit();
    const { page, server, url } = visited;
    await keep(server, 'a.wav', 'b.wav');
    await page.goto(url);
    await page.getByRole('button', { name: 'Open b.wav' }).click();
    await page.locator('.similarity select').selectOption({ index: 1 });
    await page.waitForSelector('.similarity-value');
    let first = true;
    await page.route('**/api/results/*', async (route) => {
      if (first) {
        first = false;
        await new Promise((resolve) => setTimeout(resolve, 600));
      }
      await route.continue();
    });
    await page.getByRole('button', { name: 'Open b.wav' }).click();
    await page.getByRole('button', { name: 'Open a.wav' }).click();
    await page.waitForTimeout(900);
    assert.equal(await textOf(page, '.headline-file'), 'a.wav');
    assert.equal(await page.locator('.similarity-value').count(), 0);
    assert.equal(await page.locator('.similarity select').inputValue(), '');
  });

  it('files that are selected during a run stay selected', async () => {
    await using visited = await visit();
    const { page, server } = visited;
    await page.setInputFiles('input[type=file]', longFile(server));
    await page.click(RUN);
    await page.waitForSelector(BUSY);
    await choose(page, 'speech.ogg');
    await page.waitForSelector('.headline');
    await page.waitForSelector(IDLE);
    assert.deepEqual(await chosenNames(page), ['speech.ogg']);
    assert.equal(
      await page.evaluate(() => window.dispatchEvent(new Event('beforeunload', { cancelable: true }))),
      true,
    );
  });

  it('a timeline is created for the shown result, and changes nothing else', async () => {
    await using visited = await visit();
    const { page, server, url } = visited;
    await keep(server, 'kept.wav');
    await page.goto(url);
    await page.check('input[value=utterance]');
    await choose(page, 'speech.ogg', 'speech.flac');
    await page.getByRole('button', { name: 'Open kept.wav' }).click();
    await page.getByRole('button', { name: 'Create a timeline' }).click();
    await page.waitForSelector('.segment-list');
    assert.equal(await textOf(page, '.headline-file'), 'kept.wav');
    assert.deepEqual(await chosenNames(page), ['speech.ogg', 'speech.flac']);
    assert.equal(await page.isChecked('input[value=utterance]'), true);
  });

  it('more files than the server accepts are refused before they are sent', async () => {
    await using visited = await visit({ server: { maxFiles: 2 } });
    const { page } = visited;
    await page.waitForSelector('.model-state.unloaded');
    await choose(page, 'speech.wav', 'speech.ogg', 'speech.flac');
    await page.click(RUN);
    assert.match(await textOf(page, '.failure'), /at most 2 files at once/);
    assert.equal((await chosenNames(page)).length, 3);
  });

  it('a cancelled batch shows the state of each file, and keeps the rest selected', async () => {
    await using visited = await visit();
    const { page, server } = visited;
    const long = ['1.wav', '2.wav', '3.wav', '4.wav'].map((name) => longFile(server, name));
    await page.setInputFiles('input[type=file]', [fixture('speech.wav'), ...long]);
    await page.click(RUN);
    await page.getByRole('button', { name: 'Open speech.wav' }).first().waitFor();
    const top = await page.evaluate(() => document.getElementById('batch')!.getBoundingClientRect().top);
    assert.ok(top < 450, `the batch is visible, at ${top}`);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.waitForSelector(IDLE);
    assert.equal(await page.evaluate((run) => document.activeElement === document.querySelector(run), RUN), true);
    const states = await page.locator('tbody td.state').allTextContents();
    assert.equal(states[0], '✓');
    assert.ok(
      states.every((state) => ['✓', 'Not recognized'].includes(state)) && states.includes('Not recognized'),
      states.join(),
    );
    assert.equal((await chosenNames(page)).length, states.filter((state) => state !== '✓').length);
  });

  it('a file that has changed since it was selected is named', async () => {
    await using visited = await visit();
    const { page, server } = visited;
    const file = path.join(server.output, 'mine.wav');
    copyFileSync(fixture('speech.wav'), file);
    await page.setInputFiles('input[type=file]', file);
    await page.waitForTimeout(1100); // browsers compare times of files in seconds
    writeFileSync(file, speech.subarray(0, 60_000));
    await page.click(RUN);
    await page.waitForSelector('.failure');
    assert.match(await textOf(page, '.failure'), /mine\.wav can no longer be read/);
  });

  it('files may be dropped anywhere, and names that forms would change are kept', async () => {
    await using visited = await visit();
    const { page } = visited;
    const caught = await page.evaluate((bytes) => {
      const transfer = new DataTransfer();
      const content = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
      transfer.items.add(new File([content], 'she said "no"\n\u202Egpj.wav', { type: 'audio/wav' }));
      const event = new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true });
      document.querySelector('.history')!.dispatchEvent(event);
      return event.defaultPrevented;
    }, speech.toString('base64'));
    assert.equal(caught, true);
    await page.waitForSelector('.chosen li');
    await recognize(page);
    assert.equal(await textOf(page, '.headline-file'), 'she said ”no” gpj.wav');
  });

  it('a server that requires another token is reported, and its error answers are not taken for recordings', async () => {
    await using visited = await visit();
    const { page } = visited;
    await page.waitForSelector('.model-state.unloaded');
    const refusal = { status: 401, json: { error: { code: 'ERR_UNAUTHORIZED', message: 'A token is needed.' } } };
    await page.route(/\/(api|assets)\//, (route) => route.fulfill(refusal));
    await page.getByRole('button', { name: 'Example' }).click();
    await page.waitForSelector('.failure');
    assert.match(await textOf(page, '.failure'), /requires a token/);
    assert.deepEqual(await chosenNames(page), []);
    await page.getByRole('button', { name: 'Log in' }).waitFor({ timeout: 8000 });
  });

  it('the status is polled once, however often something ran', async () => {
    await using visited = await visit({ server: { keep: false } });
    const { page } = visited;
    for (let i = 0; i < 6; i++) {
      await choose(page, 'speech.ogg');
      await recognize(page);
    }
    let asked = 0;
    page.on('request', (request) => (asked += Number(request.url().endsWith('/api/status'))));
    await page.waitForTimeout(6000);
    assert.ok(asked <= 2, `${asked} times in 6 s`);
  });

  it('an error is scrolled into view', async () => {
    await using visited = await visit({ viewport: { width: 360, height: 740 }, isMobile: true });
    const { page, server, url } = visited;
    await example(page);
    await keep(server, 'a.wav');
    await page.goto(url);
    await page.getByRole('button', { name: 'Open a.wav' }).waitFor();
    await page.route('**/api/results/*', (route) => route.abort());
    await page.getByRole('button', { name: 'Open a.wav' }).click();
    await page.waitForFunction(() => {
      const { top, bottom } = document.querySelector('.failure')?.getBoundingClientRect() ?? { top: -1, bottom: -1 };
      return top >= 0 && bottom <= window.innerHeight;
    });
  });
});
