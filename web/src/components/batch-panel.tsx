import { useState } from 'preact/hooks';

import { batchFile } from '../api/client.js';
import { texts } from '../i18n/index.js';
import { colorOf, emotionName } from '../state/emotions.js';
import { formatPercent, formatSeconds } from '../state/format.js';
import { batch, type BatchRow, batchSummary } from '../state/batch.js';
import { failureText } from '../state/failure.js';
import { show } from '../state/shown.js';
import { stageText } from '../state/stage-text.js';
import { Icon } from './icons.js';

type Column = 'file' | 'emotion' | 'confidence' | 'duration' | 'state';
const COLUMNS: readonly Column[] = ['file', 'emotion', 'confidence', 'duration', 'state'];

/** Sort keys of the columns. Rows without a value are last in both directions. */
const keyOf: Record<Column, (row: BatchRow) => string | number | undefined> = {
  file: ({ name }) => name.toLowerCase(),
  emotion: ({ result }) => result && emotionName(result.emotion),
  confidence: ({ result }) => result?.confidence,
  duration: ({ result }) => result?.duration,
  state: (row) => (row.failure ? 2 : row.result ? 0 : 1),
};

export function BatchPanel() {
  const { batch: text } = texts.value;
  const [sort, setSort] = useState<{ column: Column; descending: boolean } | undefined>();
  const rows = batch.value;
  if (rows.length === 0) return null;
  const sorted = sort === undefined ? rows : sortRows(rows, sort);
  const summary = batchSummary.value;
  return (
    <section class="panel batch" id="batch" aria-labelledby="batch-heading">
      <div class="panel-head">
        <h2 id="batch-heading">{text.heading}</h2>
        {summary !== undefined && <p class="note">{text.summary(summary.done, summary.failed)}</p>}
        {summary !== undefined && summary.id !== null && (
          <p class="batch-downloads">
            <span>{text.download}</span>
            {(['csv', 'ndjson', 'zip'] as const).map((format) => (
              <a key={format} href={batchFile(summary.id!, format)} download>
                {format.toUpperCase()}
              </a>
            ))}
          </p>
        )}
      </div>
      <div class="table-frame" tabIndex={0} role="region" aria-labelledby="batch-heading">
        <table>
          <thead>
            <tr>
              {COLUMNS.map((column) => (
                <th
                  key={column}
                  scope="col"
                  aria-sort={sort?.column !== column ? 'none' : sort.descending ? 'descending' : 'ascending'}
                >
                  <button
                    type="button"
                    onClick={() => setSort({ column, descending: sort?.column === column ? !sort.descending : false })}
                  >
                    {text[column]}
                    {sort?.column === column && <Icon name={sort.descending ? 'down' : 'up'} />}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.map((row) => (
              <Row key={row.index} row={row} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ row }: { row: BatchRow }) {
  const { result, failure, name, file } = row;
  const { batch: text } = texts.value;
  return (
    <tr>
      <th scope="row">
        {result === undefined ? (
          <span class="file-name">{name}</span>
        ) : (
          <button
            type="button"
            class="link file-name"
            onClick={() => show({ result, audio: file })}
            aria-label={text.open(name)}
          >
            {name}
          </button>
        )}
      </th>
      <td>
        {result && (
          <span class="chip" data-emotion={colorOf(result.emotion)}>
            <span class="dot" aria-hidden="true" />
            {emotionName(result.emotion)}
          </span>
        )}
      </td>
      <td class="number">{result && formatPercent(result.confidence)}</td>
      <td class="number">{result && formatSeconds(result.duration)}</td>
      <td class={failure === undefined ? 'state' : 'state bad'}>{stateOf(row)}</td>
    </tr>
  );
}

function stateOf({ progress, result, failure, stopped }: BatchRow): string {
  const { batch: text } = texts.value;
  if (failure !== undefined) return text.failed(failureText(failure));
  if (result !== undefined) return '✓';
  if (stopped) return text.stopped;
  return progress === undefined ? text.waiting : stageText(progress);
}

function sortRows(
  rows: readonly BatchRow[],
  { column, descending }: { column: Column; descending: boolean },
): BatchRow[] {
  const key = keyOf[column];
  return rows.toSorted((a, b) => {
    const [left, right] = [key(a), key(b)];
    if (left === undefined || right === undefined) return Number(left === undefined) - Number(right === undefined);
    const order =
      typeof left === 'string' && typeof right === 'string' ? left.localeCompare(right) : Number(left) - Number(right);
    return descending ? -order : order;
  });
}
