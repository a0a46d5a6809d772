import { file } from '../api/client.js';
import type { ClipResult } from '../api/types.js';
import { texts } from '../i18n/index.js';
import { colorOf, emotionName, ranked } from '../state/emotions.js';
import { formatPercent, formatSeconds } from '../state/format.js';
import { confidenceText, shown } from '../state/shown.js';
import { Icon } from './icons.js';
import { Player } from './player.js';
import { Similarity } from './similarity.js';

export function ResultPanel() {
  const { result: text } = texts.value;
  const now = shown.value;
  return (
    <section class="panel result" id="result" tabIndex={-1} aria-labelledby="result-heading">
      <h2 id="result-heading" class={now === undefined ? undefined : 'visually-hidden'}>
        {text.heading}
      </h2>
      {now === undefined ? (
        <div class="empty">
          <Icon name="wave" />
          <p>{text.empty}</p>
          <p class="note">{text.emptyNote}</p>
        </div>
      ) : (
        <>
          <Headline result={now.result} />
          <Player key={now.result.id ?? now.result.createdAt} shown={now} />
          <div class="result-columns">
            <Scores scores={now.result.scores} />
            <div class="result-aside">
              <Facts result={now.result} />
              <Downloads result={now.result} />
            </div>
          </div>
          <Similarity key={now.result.id} result={now.result} />
        </>
      )}
    </section>
  );
}

function Headline({ result }: { result: ClipResult }) {
  const { emotion, file: name } = result;
  return (
    <div class="headline" data-emotion={colorOf(emotion)}>
      <p class="headline-file">{name}</p>
      <p class="headline-emotion">{emotionName(emotion)}</p>
      <p class="headline-confidence">{confidenceText(result)}</p>
    </div>
  );
}

function Scores({ scores }: { scores: Record<string, number> }) {
  const { result: text } = texts.value;
  return (
    <div class="scores">
      <h3>{text.scores}</h3>
      <dl>
        {ranked(scores).map(({ name, score }) => (
          <div key={name} class={score === undefined ? 'unused' : undefined} data-emotion={colorOf(name)}>
            <dt>{emotionName(name)}</dt>
            <dd>
              <span class="bar" aria-hidden="true">
                <span style={{ transform: `scaleX(${score ?? 0})` }} />
              </span>
              <span class="score">{score === undefined ? text.unused : formatPercent(score)}</span>
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function Facts({ result: { duration, timing, model, windows } }: { result: ClipResult }) {
  const { result: text } = texts.value;
  return (
    <dl class="facts">
      <div>
        <dt>{text.duration}</dt>
        <dd>{formatSeconds(duration)}</dd>
      </div>
      <div>
        <dt>{text.took}</dt>
        <dd>{Math.round(timing.inferenceMs)} ms</dd>
      </div>
      <div>
        <dt>{text.model}</dt>
        <dd>
          {model.name}, {model.precision}, {model.device}
        </dd>
      </div>
      {windows !== undefined && <p class="note">{text.windows(windows.count, windows.length)}</p>}
    </dl>
  );
}

function Downloads({ result }: { result: ClipResult }) {
  const { result: text } = texts.value;
  const { id, file: name, links } = result;
  const stem = name.replace(/(?<=.)\.\w+$/, '');
  const json = `data:application/json;charset=utf-8,${encodeURIComponent(JSON.stringify(result, null, 2))}`;
  return (
    <div class="downloads">
      <h3>{text.downloads}</h3>
      <ul>
        <li>
          <a href={id === null ? json : `api/results/${id}`} download={`${stem}.json`}>
            <Icon name="download" />
            {text.json}
          </a>
        </li>
        {id !== null && links?.embedding !== undefined && (
          <li>
            <a href={file(id, 'embedding.npy')} download={`${stem}.npy`}>
              <Icon name="download" />
              {text.npy}
            </a>
          </li>
        )}
        {id !== null && links?.processedAudio !== undefined && (
          <li>
            <a href={file(id, 'processed_audio.wav')} download={`${stem}.wav`}>
              <Icon name="download" />
              {text.wav}
            </a>
          </li>
        )}
      </ul>
    </div>
  );
}
