import type { ComponentChildren } from 'preact';

import { BatchPanel } from './components/batch-panel.js';
import { FailureAlert } from './components/failure-alert.js';
import { Header } from './components/header.js';
import { HistoryPanel } from './components/history-panel.js';
import { InputPanel } from './components/input-panel.js';
import { ResultPanel } from './components/result-panel.js';
import { announcement, texts } from './i18n/index.js';
import { batch } from './state/batch.js';
import { latest } from './state/latest.js';
import { shown } from './state/shown.js';

/** The panel that changed last is first. An empty result panel is not shown next to a batch. */
function panels(): ComponentChildren {
  const [result, many] = [<ResultPanel key="result" />, <BatchPanel key="batch" />];
  if (batch.value.length === 0 || latest.value === 'result') return [result, many];
  return shown.value === undefined ? many : [many, result];
}

export function App() {
  return (
    <>
      <a class="skip" href="#result">
        {texts.value.skip}
      </a>
      <Header />
      <main class="layout">
        <div class="column">
          <div class="in-sight">
            <InputPanel />
            <FailureAlert />
          </div>
        </div>
        <div class="column wide">{panels()}</div>
        <HistoryPanel />
      </main>
      <div class="visually-hidden" role="status" aria-live="polite">
        {announcement.value}
      </div>
    </>
  );
}
