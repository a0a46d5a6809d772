import { type ReadonlySignal, useComputed, useSignal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import WaveSurfer from 'wavesurfer.js';

import { file, getPeaks } from '../api/client.js';
import type { ClipResult } from '../api/types.js';
import { texts } from '../i18n/index.js';
import { formatSeconds } from '../state/format.js';
import { busy, makeTimeline } from '../state/run.js';
import { theme } from '../state/settings.js';
import type { Shown } from '../state/shown.js';
import { Icon } from './icons.js';
import { Timeline } from './timeline.js';
import { drawBars, segmentAt, styleOf } from './waveform.js';

/** Maximum size of a recording that the page decodes for its waveform. */
const MAX_DECODED_BYTES = 30 * 2 ** 20;

/** Plays the clip and shows its waveform in the colors of its emotions, with the timeline below. */
export function Player({ shown }: { shown: Shown }) {
  const { result: text } = texts.value;
  const { result, audio } = shown;
  const container = useRef<HTMLDivElement>(null);
  const surfer = useRef<WaveSurfer | undefined>(undefined);
  // These signals are not read here. Otherwise the component would render many times a second, with hundreds of segments.
  const at = useSignal(0);
  const current = useSignal(0);
  const playing = useSignal(false);
  const [silent, setSilent] = useState(false);

  const moveTo = (time: number): void => {
    at.value = time;
    current.value = segmentAt(result.segments ?? [], time);
  };

  useEffect(() => {
    let unmounted = false;
    let objectUrl: string | undefined;
    const start = async (): Promise<void> => {
      const wave = await audioOf(result, audio);
      if (unmounted || container.current === null) return;
      if (wave === undefined) {
        setSilent(true);
        return;
      }
      objectUrl = wave.own ? wave.url : undefined;
      const made = WaveSurfer.create({
        container: container.current,
        url: wave.url,
        ...(wave.peaks && { peaks: [wave.peaks], duration: result.duration }),
        height: 96,
        cursorWidth: 2,
        cursorColor: styleOf('--ink'),
        progressColor: 'transparent', // so that the colors of the emotions remain; see ::part(canvases)
        normalize: true,
        dragToSeek: true,
        hideScrollbar: true,
        cspNonce: document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? '',
        renderFunction: (peaks, context) => drawBars(peaks[0] ?? [], context, result),
      });
      made.on('timeupdate', moveTo);
      made.on('play', () => (playing.value = true));
      made.on('pause', () => (playing.value = false));
      made.on('error', () => setSilent(true));
      surfer.current = made;
    };
    void start();
    return () => {
      unmounted = true;
      surfer.current?.destroy();
      surfer.current = undefined;
      if (objectUrl !== undefined) URL.revokeObjectURL(objectUrl);
    };
  }, [result, audio]);

  useEffect(() => {
    // The colors are drawn on a canvas, so a change of the theme requires drawing again.
    const draw = (): void => surfer.current?.setOptions({ cursorColor: styleOf('--ink') });
    draw();
    const system = matchMedia('(prefers-color-scheme: dark)');
    system.addEventListener('change', draw);
    return () => system.removeEventListener('change', draw);
  }, [theme.value]);

  const seek = (time: number): void => {
    surfer.current?.setTime(time);
    moveTo(time);
  };
  const frames = result.frames;
  return (
    <div class="player">
      <div class="transport">
        <PlayButton playing={playing} disabled={silent} toggle={() => void surfer.current?.playPause()} />
        <span class="time">
          <Time at={at} /> <span class="note">/ {formatSeconds(result.duration)}</span>
        </span>
        {silent && <span class="note">{text.noAudio}</span>}
      </div>
      <div class={`waveform${silent ? ' silent' : ''}`} ref={container} role="img" aria-label={text.waveform} />
      {frames === undefined ? (
        <p class="note no-timeline">
          {text.noTimeline}{' '}
          {(audio !== undefined || result.links?.processedAudio !== undefined) && (
            <button type="button" class="link" disabled={busy.value} onClick={() => void makeTimeline()}>
              {text.getTimeline}
            </button>
          )}
        </p>
      ) : (
        <Timeline
          frames={frames}
          segments={result.segments ?? []}
          duration={result.duration}
          current={current}
          seek={seek}
        />
      )}
    </div>
  );
}

interface PlayButtonProps {
  playing: ReadonlySignal<boolean>;
  disabled: boolean;
  toggle: () => void;
}

function PlayButton({ playing, disabled, toggle }: PlayButtonProps) {
  const { result: text } = texts.value;
  return (
    <button
      type="button"
      class="button round"
      disabled={disabled}
      aria-label={playing.value ? text.pause : text.play}
      onClick={toggle}
    >
      <Icon name={playing.value ? 'pause' : 'play'} />
    </button>
  );
}

function Time({ at }: { at: ReadonlySignal<number> }) {
  const label = useComputed(() => formatSeconds(at.value));
  return <>{label}</>;
}

/** Returns the audio of a result: the one that the server keeps, with its peaks, or the one that the page has. */
async function audioOf(
  { id, links }: ClipResult,
  audio: Blob | undefined,
): Promise<{ url: string; own: boolean; peaks?: number[] } | undefined> {
  if (id !== null && links?.processedAudio !== undefined) {
    try {
      const { peaks } = await getPeaks(id);
      return { url: file(id, 'processed_audio.wav'), own: false, peaks };
    } catch {
      // It may have been deleted.
    }
  }
  if (audio === undefined || audio.size > MAX_DECODED_BYTES) return undefined;
  return { url: URL.createObjectURL(audio), own: true };
}
