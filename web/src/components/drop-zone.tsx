import { useEffect, useRef, useState } from 'preact/hooks';

import { AUDIO_EXTENSIONS } from '../../../lib/audio/input/extensions.js';
import { droppedFiles } from '../audio/dropped-files.js';
import { failureOf } from '../api/client.js';
import { texts } from '../i18n/index.js';
import { choose } from '../state/chosen.js';
import { formatBytes } from '../state/format.js';
import { fail } from '../state/failure.js';
import { busy } from '../state/run.js';
import { status } from '../state/status.js';
import { Icon } from './icons.js';

/** The files that the picker offers. Browsers know the types of few extensions, so these are listed. */
const ACCEPTED = [
  'audio/*',
  'video/webm',
  'video/mp4',
  'video/quicktime',
  ...AUDIO_EXTENSIONS.map((ending) => `.${ending}`),
].join(',');

/** Accepts files that are dropped anywhere on the page. Otherwise the browser would leave the page to open them. */
export function DropZone() {
  const { input: text } = texts.value;
  const over = useDrop();
  const picker = useRef<HTMLInputElement>(null);
  const limit = status.value?.limits.uploadBytes;
  return (
    <div class={`drop${over ? ' over' : ''}`}>
      <Icon name="wave" />
      <p class="drop-text">{text.drop}</p>
      <p class="note">
        {text.formats}
        <span class={limit === undefined ? 'unknown-yet' : undefined}>
          {text.limit(formatBytes(limit ?? 200 * 2 ** 20))}
        </span>
      </p>
      <button type="button" class="button" disabled={busy.value} onClick={() => picker.current?.click()}>
        <Icon name="file" />
        {text.choose}
      </button>
      <input
        ref={picker}
        type="file"
        accept={ACCEPTED}
        multiple
        hidden
        onChange={(event) => {
          choose(event.currentTarget.files ?? []);
          event.currentTarget.value = ''; // so that selecting the same file again fires the event
        }}
      />
    </div>
  );
}

/** Returns whether files are being dragged over the page. */
function useDrop(): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const onDragOver = (event: DragEvent): void => {
      if (event.dataTransfer?.types.includes('Files') !== true) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = busy.value ? 'none' : 'copy';
      setOver(!busy.value);
    };
    const onDragLeave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false); // the pointer left the window
    };
    const onDrop = (event: DragEvent): void => {
      setOver(false);
      if (event.dataTransfer?.types.includes('Files') !== true) return;
      event.preventDefault();
      if (busy.value) return;
      droppedFiles(event.dataTransfer).then(choose, (error: unknown) => fail(failureOf(error)));
    };
    window.addEventListener('dragover', onDragOver);
    window.addEventListener('dragleave', onDragLeave);
    window.addEventListener('drop', onDrop);
    return () => {
      window.removeEventListener('dragover', onDragOver);
      window.removeEventListener('dragleave', onDragLeave);
      window.removeEventListener('drop', onDrop);
    };
  }, []);
  return over;
}
