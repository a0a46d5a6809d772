import { BatchPanel } from './components/batch-panel.js';
import { FailureAlert } from './components/failure-alert.js';
import { Header } from './components/header.js';
import { HistoryPanel } from './components/history-panel.js';
import { InputPanel } from './components/input-panel.js';
import { ResultPanel } from './components/result-panel.js';
import { announcement, texts } from './i18n/index.js';

export function App() {
  return (
    <>
      <a class="skip" href="#result">
        {texts.value.skip}
      </a>
      <Header />
      <main class="layout">
        <div class="column">
          <InputPanel />
          <FailureAlert />
        </div>
        <div class="column wide">
          <ResultPanel />
          <BatchPanel />
        </div>
        <HistoryPanel />
      </main>
      <div class="visually-hidden" role="status" aria-live="polite">
        {announcement.value}
      </div>
    </>
  );
}
