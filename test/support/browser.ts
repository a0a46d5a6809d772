import { existsSync, mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

import { root } from './paths.js';
import { type TestServer, testServer } from './server.js';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

let browser: Browser | undefined;

// One browser for all test files.
before('a browser', async function () {
  if (CHROMIUM === undefined) {
    console.log('      skipped: Chromium is not installed (apt-get install chromium)');
    this.skip();
  }
  browser = await launch(CHROMIUM);
});
after(() => browser?.close());

/** Launches Debian's Chromium, with a fake microphone that beeps. */
function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
}

export interface Visit extends AsyncDisposable {
  page: Page;
  server: TestServer;
  url: string;
  /** Errors in the console, exceptions, requests to other hosts, and violations of the content security policy. */
  problems: string[];
}

/** Opens the page of a new server. */
export async function visit({
  server: options,
  ...context
}: BrowserContextOptions & { server?: Parameters<typeof testServer>[0] } = {}): Promise<Visit> {
  const server = await testServer(options);
  await server.app.listen({ port: 0 });
  const url = `http://localhost:${(server.app.server.address() as AddressInfo).port}/`;
  const opened = await browser!.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 900 }, ...context });
  const page = await opened.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => {
    if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(url)) problems.push(request.url());
  });
  await page.goto(url);
  return {
    page,
    server,
    url,
    problems,
    [Symbol.asyncDispose]: async () => {
      await opened.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Saves a screenshot in docs/images if the variable SCREENSHOTS is set. */
export async function picture(page: Page, name: string): Promise<void> {
  if (!process.env['SCREENSHOTS']) return;
  const folder = path.join(root, 'docs/images');
  mkdirSync(folder, { recursive: true });
  await page.mouse.move(0, 0);
  await page.waitForTimeout(500); // for the animation of the bars
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
}
