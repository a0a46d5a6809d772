/** The documentation of the API, generated from the OpenAPI document of the server. */
import { render } from 'preact';

import { Docs } from './app.js';
import type { OpenApi } from './openapi.js';
import '../styles/base.css';
import '../styles/layout.css';
import '../styles/docs.css';

const root = document.getElementById('app')!;

/** Opens the entry that the address names, including when a link to a closed entry is followed. */
function openTarget(): void {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!(target instanceof HTMLDetailsElement)) return;
  target.open = true;
  target.scrollIntoView();
}

async function start(): Promise<void> {
  const response = await fetch('./openapi.json');
  if (!response.ok) throw new Error(`The server answered with status ${response.status}.`);
  const base = new URL('./', location.href).href;
  render(<Docs document={(await response.json()) as OpenApi} base={base} />, root);
  openTarget();
  window.addEventListener('hashchange', openTarget);
}

start().catch((error: unknown) => {
  render(<p role="alert">The OpenAPI document could not be loaded. {String(error)}</p>, root);
});
