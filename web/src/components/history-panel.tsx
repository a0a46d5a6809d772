import { useEffect, useRef, useState } from 'preact/hooks';

import { failureOf } from '../api/client.js';
import type { ResultSummary } from '../api/types.js';
import { announce, language, texts } from '../i18n/index.js';
import { colorOf, emotionName } from '../state/emotions.js';
import { formatPercent, formatSeconds, formatPeriod } from '../state/format.js';
import { older, readOlder, removeResult, results } from '../state/history.js';
import { fail } from '../state/failure.js';
import { open, shown } from '../state/shown.js';
import { status } from '../state/status.js';
import { firstClick } from './click.js';
import { Icon } from './icons.js';

export function HistoryPanel() {
  const { history: text } = texts.value;
  const kept = status.value?.results;
  return (
    <section class="panel history" aria-labelledby="history-heading">
      <div class="panel-head">
        <h2 id="history-heading" tabIndex={-1}>
          {text.heading}
        </h2>
        {kept?.kept === true && kept.seconds !== null && <p class="note">{text.kept(formatPeriod(kept.seconds))}</p>}
      </div>
      {results.value.length === 0 ? (
        <p class="note">{kept?.kept === false ? text.off : text.empty}</p>
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
          {text.more}
        </button>
      )}
    </section>
  );
}

function Entry({ result }: { result: ResultSummary }) {
  const { history: text } = texts.value;
  const { id, file, emotion, confidence, duration, createdAt, hasEmbedding } = result;
  const row = useRef<HTMLLIElement>(null);
  const [confirming, confirm] = useConfirmation();
  const remove = async (): Promise<void> => {
    const next = row.current?.nextElementSibling ?? row.current?.previousElementSibling;
    try {
      await removeResult(id);
      if (shown.value?.result.id === id) shown.value = undefined;
      announce(text.deleted(file));
      (next?.querySelector('button') ?? document.getElementById('history-heading'))?.focus();
    } catch (error) {
      fail(failureOf(error));
    }
  };
  return (
    <li ref={row} data-emotion={colorOf(emotion)} class={shown.value?.result.id === id ? 'current' : undefined}>
      <button type="button" class="history-open" onClick={() => void open(id)}>
        <span class="history-text">
          <span class="visually-hidden">{text.open}</span>
          <span class="file-name">{file}</span>
          <span class="note">
            {emotionName(emotion)} {formatPercent(confidence)} · {formatSeconds(duration)} · {when(createdAt)}
            {hasEmbedding && ` · ${text.vector}`}
          </span>
        </span>
      </button>
      <button
        type="button"
        class={confirming ? 'button danger' : 'icon-button'}
        aria-label={confirming ? text.reallyDelete(file) : text.delete(file)}
        onClick={firstClick(() => {
          if (confirming) void remove();
          else confirm();
        })}
      >
        {confirming ? text.sure : <Icon name="bin" />}
      </button>
    </li>
  );
}

/** Returns whether a deletion waits for its confirmation, which expires after four seconds. */
function useConfirmation(): [confirming: boolean, confirm: () => void] {
  const [confirming, setConfirming] = useState(false);
  useEffect(() => {
    if (!confirming) return;
    const timer = setTimeout(() => setConfirming(false), 4000);
    return () => clearTimeout(timer);
  }, [confirming]);
  return [confirming, () => setConfirming(true)];
}

/** The time of today, or the date and time. */
function when(time: string): string {
  const date = new Date(time);
  const today = date.toDateString() === new Date().toDateString();
  return date.toLocaleString(language.value === 'zh' ? 'zh-CN' : 'en-GB', {
    ...(today ? {} : { day: 'numeric', month: 'short' }),
    hour: '2-digit',
    minute: '2-digit',
  });
}
