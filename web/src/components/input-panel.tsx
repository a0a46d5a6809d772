import { useRef, useState } from 'preact/hooks';

import exampleUrl from '../audio/example.ogg';
import { recording, startRecording, stopRecording } from '../audio/recorder.js';
import { texts } from '../i18n/index.js';
import { seconds, size } from '../state/emotions.js';
import { busy, choose, chosen, fail, unchoose } from '../state/run.js';
import { embedding, granularity } from '../state/settings.js';
import { status } from '../state/status.js';
import { Icon } from './icons.js';
import { RunButton } from './run-button.js';

const SHOWN_FILES = 6;

export function InputPanel() {
  const { input: say } = texts.value;
  return (
    <section class="panel" aria-labelledby="input-heading">
      <h2 id="input-heading">{say.heading}</h2>
      <DropZone />
      <div class="sources">
        <RecordButton />
        <ExampleButton />
      </div>
      <ChosenFiles />
      <fieldset class="choices" disabled={busy.value}>
        <legend>{say.granularity}</legend>
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
              <span>{value === 'frame' ? say.frame : say.utterance}</span>
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
            {say.embedding} <small>{say.embeddingNote}</small>
          </span>
        </label>
      </fieldset>
      <RunButton />
    </section>
  );
}

function DropZone() {
  const { input: say } = texts.value;
  const [over, setOver] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const limit = status.value?.limits.uploadBytes;
  return (
    <div
      class={`drop${over ? ' over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (!busy.value) choose(event.dataTransfer?.files ?? []);
      }}
    >
      <Icon name="wave" />
      <p class="drop-words">{say.drop}</p>
      <p class="note">
        {say.formats}
        <span class={limit === undefined ? 'unknown-yet' : undefined}>, {say.limit(size(limit ?? 200 * 2 ** 20))}</span>
      </p>
      <button type="button" class="button" disabled={busy.value} onClick={() => picker.current?.click()}>
        <Icon name="file" />
        {say.choose}
      </button>
      <input
        ref={picker}
        type="file"
        accept="audio/*,video/webm,video/mp4,.opus,.flac"
        multiple
        hidden
        onChange={(event) => {
          choose(event.currentTarget.files ?? []);
          event.currentTarget.value = ''; // the same file again is news again
        }}
      />
    </div>
  );
}

function RecordButton() {
  const { input: say } = texts.value;
  const now = recording.value;
  if (now === undefined) {
    return (
      <button type="button" class="button" disabled={busy.value} onClick={() => void startRecording()}>
        <Icon name="microphone" />
        {say.record}
      </button>
    );
  }
  return (
    <button type="button" class="button recording" onClick={stopRecording}>
      <Icon name="stop" />
      {say.stop}
      <span class="level" aria-hidden="true">
        <span style={{ transform: `scaleX(${now.level})` }} />
      </span>
      <span class="time">{seconds(now.seconds)}</span>
    </button>
  );
}

function ExampleButton() {
  const { input: say } = texts.value;
  const take = async (): Promise<void> => {
    try {
      const bytes = await (await fetch(exampleUrl)).blob();
      choose([new File([bytes], 'example.ogg', { type: 'audio/ogg' })]);
    } catch {
      fail({ code: 'ERR_NETWORK', message: '' });
    }
  };
  return (
    <button type="button" class="button" disabled={busy.value} title={say.exampleNote} onClick={() => void take()}>
      <Icon name="spark" />
      {say.example}
    </button>
  );
}

function ChosenFiles() {
  const { input: say } = texts.value;
  const files = chosen.value;
  if (files.length === 0) return null;
  return (
    <ul class="chosen" aria-label={say.chosen(files.length)}>
      {files.slice(0, SHOWN_FILES).map(({ key, file }) => (
        <li key={key}>
          <span class="file-name">{file.name}</span>
          <span class="note">{file.size < 2 ** 20 ? `${Math.ceil(file.size / 1024)} kB` : size(file.size)}</span>
          <button
            type="button"
            class="icon-button"
            aria-label={say.remove(file.name)}
            disabled={busy.value}
            onClick={() => unchoose(key)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
      {files.length > SHOWN_FILES && <li class="note">{say.more(files.length - SHOWN_FILES)}</li>}
    </ul>
  );
}
