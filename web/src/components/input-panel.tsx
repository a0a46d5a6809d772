import { failureOf, getBytes } from '../api/client.js';
import exampleUrl from '../audio/example.ogg';
import { recording, startRecording, stopRecording } from '../audio/recorder.js';
import { texts } from '../i18n/index.js';
import { choose, chosen, unchoose } from '../state/chosen.js';
import { formatSeconds, formatBytes } from '../state/format.js';
import { fail } from '../state/failure.js';
import { busy } from '../state/run.js';
import { embedding, granularity } from '../state/settings.js';
import { firstClick } from './click.js';
import { DropZone } from './drop-zone.js';
import { Icon } from './icons.js';
import { RunButton } from './run-button.js';

export function InputPanel() {
  const { input: text } = texts.value;
  return (
    <section class="panel" aria-labelledby="input-heading">
      <h2 id="input-heading">{text.heading}</h2>
      <DropZone />
      <div class="sources">
        <RecordButton />
        <ExampleButton />
      </div>
      <ChosenFiles />
      <fieldset class="choices" disabled={busy.value}>
        <legend>{text.granularity}</legend>
        <div class="segmented">
          {(['frame', 'utterance'] as const).map((value) => (
            <label key={value}>
              <input
                type="radio"
                name="granularity"
                value={value}
                checked={granularity.value === value}
                onChange={() => (granularity.value = value)}
              />
              <span>{value === 'frame' ? text.frame : text.utterance}</span>
            </label>
          ))}
        </div>
        <label class="check">
          <input
            type="checkbox"
            checked={embedding.value}
            onChange={(event) => (embedding.value = event.currentTarget.checked)}
          />
          <span>
            {text.embedding} <small>{text.embeddingNote}</small>
          </span>
        </label>
      </fieldset>
      <RunButton />
    </section>
  );
}

function RecordButton() {
  const { input: text } = texts.value;
  const now = recording.value;
  if (now === undefined) {
    return (
      <button type="button" class="button" disabled={busy.value} onClick={firstClick(() => void startRecording())}>
        <Icon name="microphone" />
        {text.record}
      </button>
    );
  }
  return (
    <button type="button" class="button recording" onClick={firstClick(stopRecording)}>
      <Icon name="stop" />
      {text.stop}
      <span class="level" aria-hidden="true">
        <span style={{ transform: `scaleX(${now.level})` }} />
      </span>
      <span class="time">{formatSeconds(now.seconds)}</span>
    </button>
  );
}

function ExampleButton() {
  const { input: text } = texts.value;
  const take = async (): Promise<void> => {
    try {
      choose([new File([await getBytes(exampleUrl)], 'example.ogg', { type: 'audio/ogg' })]);
    } catch (error) {
      fail(failureOf(error));
    }
  };
  return (
    <button type="button" class="button" disabled={busy.value} title={text.exampleNote} onClick={() => void take()}>
      <Icon name="spark" />
      {text.example}
    </button>
  );
}

function ChosenFiles() {
  const { input: text } = texts.value;
  const clips = chosen.value;
  if (clips.length === 0) return null;
  return (
    <>
      <ul class="chosen" aria-label={text.chosen(clips.length)}>
        {clips.map(({ key, file, name }) => (
          <li key={key}>
            <span class="file-name">{name}</span>
            <span class="note">{formatBytes(file.size)}</span>
            <button
              type="button"
              class="icon-button"
              aria-label={text.remove(name)}
              disabled={busy.value}
              onClick={firstClick(() => unchoose([key]))}
            >
              <Icon name="close" />
            </button>
          </li>
        ))}
      </ul>
      {clips.length > 1 && (
        <p class="chosen-all note">
          {text.chosen(clips.length)}
          <button
            type="button"
            class="link"
            disabled={busy.value}
            onClick={() => unchoose(clips.map(({ key }) => key))}
          >
            {text.removeAll}
          </button>
        </p>
      )}
    </>
  );
}
