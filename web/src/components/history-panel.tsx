import { useEffect, useRef, useState } from 'preact/hooks';

import { failureOf } from '../api/client.js';
import type { ResultSummary } from '../api/types.js';
import { announce, language, texts } from '../i18n/index.js';
import { colourOf, emotionName, percent, seconds, span } from '../state/emotions.js';
import { forget, older, readOlder, results } from '../state/history.js';
import { fail } from '../state/failure.js';
import { open, shown } from '../state/shown.js';
import { status } from '../state/status.js';
import { firstClick } from './click.js';
import { Icon } from './icons.js';

export function HistoryPanel() {
  const { history: say } = texts.value;
  const kept = status.value?.results;
  return (
    <section class="panel history" aria-labelledby="history-heading">
      <div class="panel-head">
        <h2 id="history-heading" tabIndex={-1}>
          {say.heading}
        </h2>
        {kept?.kept === true && kept.seconds !== null && <p class="note">{say.kept(span(kept.seconds))}</p>}
      </div>
      {results.value.length === 0 ? (
        <p class="note">{kept?.kept === false ? say.off : say.empty}</p>
      ) : (
        <ul class="history-list">
          {results.value.map((result) => (
            <Entry key={result.id} result={result} />
          ))}
        </ul>
      )}
      {older.value !== undefined && (
        <button
          type="button"
          class="button"
          onClick={() => void readOlder().catch((error: unknown) => fail(failureOf(error)))}
        >
          {say.more}
        </button>
      )}
    </section>
  );
}

function Entry({ result }: { result: ResultSummary }) {
  const { history: say } = texts.value;
  const { id, file, emotion, confidence, duration, createdAt, hasEmbedding } = result;
  const row = useRef<HTMLLIElement>(null);
  const [sure, ask] = useAsked();
  const remove = async (): Promise<void> => {
    const next = row.current?.nextElementSibling ?? row.current?.previousElementSibling;
    try {
      await forget(id);
      if (shown.value?.result.id === id) shown.value = undefined;
      announce(say.deleted(file));
      (next?.querySelector('button') ?? document.getElementById('history-heading'))?.focus();
    } catch (error) {
      fail(failureOf(error));
    }
  };
  return (
    <li ref={row} data-emotion={colourOf(emotion)} class={shown.value?.result.id === id ? 'current' : undefined}>
      <button type="button" class="history-open" onClick={() => void open(id)}>
        <span class="history-words">
          <span class="visually-hidden">{say.open}</span>
          <span class="file-name">{file}</span>
          <span class="note">
            {emotionName(emotion)} {percent(confidence)} · {seconds(duration)} · {when(createdAt)}
            {hasEmbedding && ` · ${say.vector}`}
          </span>
        </span>
      </button>
      <button
        type="button"
        class={sure ? 'button danger' : 'icon-button'}
        aria-label={sure ? say.reallyDelete(file) : say.delete(file)}
        onClick={firstClick(() => {
          if (sure) void remove();
          else ask();
        })}
      >
        {sure ? say.sure : <Icon name="bin" />}
      </button>
    </li>
  );
}

/** Whether a question was asked a moment ago. It is taken back when nobody answers. */
function useAsked(): [asked: boolean, ask: () => void] {
  const [asked, setAsked] = useState(false);
  useEffect(() => {
    if (!asked) return;
    const timer = setTimeout(() => setAsked(false), 4000);
    return () => clearTimeout(timer);
  }, [asked]);
  return [asked, () => setAsked(true)];
}

function when(time: string): string {
  const date = new Date(time);
  const today = date.toDateString() === new Date().toDateString();
  return date.toLocaleString(language.value === 'zh' ? 'zh-CN' : 'en-GB', {
    ...(today ? {} : { day: 'numeric', month: 'short' }),
    hour: '2-digit',
    minute: '2-digit',
  });
}
