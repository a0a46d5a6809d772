import { type ReadonlySignal, useComputed, useSignal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import WaveSurfer from 'wavesurfer.js';

import { file, getPeaks } from '../api/client.js';
import type { ClipResult } from '../api/types.js';
import { texts } from '../i18n/index.js';
import { seconds } from '../state/emotions.js';
import { busy, makeTimeline } from '../state/run.js';
import { theme } from '../state/settings.js';
import type { Shown } from '../state/shown.js';
import { Icon } from './icons.js';
import { Timeline } from './timeline.js';
import { drawBars, segmentAt, styleOf } from './waveform.js';

/** Larger sounds are not decoded in the page, only played. */
const MOST_DECODED_BYTES = 30 * 2 ** 20;

/** The clip's sound: its waveform in the colours of its emotions, and the timeline under it. */
export function Player({ shown }: { shown: Shown }) {
  const { result: say } = texts.value;
  const { result, sound } = shown;
  const container = useRef<HTMLDivElement>(null);
  const surfer = useRef<WaveSurfer | undefined>(undefined);
  // Signals, and none of them is read here: time goes on many times a second, and a long clip has hundreds of segments.
  const at = useSignal(0);
  const current = useSignal(0);
  const playing = useSignal(false);
  const [silent, setSilent] = useState(false);

  const moveTo = (time: number): void => {
    at.value = time;
    current.value = segmentAt(result.segments ?? [], time);
  };

  useEffect(() => {
    let gone = false;
    let address: string | undefined;
    const start = async (): Promise<void> => {
      const wave = await soundOf(result, sound);
      if (gone || container.current === null) return;
      if (wave === undefined) {
        setSilent(true);
        return;
      }
      address = wave.own ? wave.url : undefined;
      const made = WaveSurfer.create({
        container: container.current,
        url: wave.url,
        ...(wave.peaks && { peaks: [wave.peaks], duration: result.duration }),
        height: 96,
        cursorWidth: 2,
        cursorColor: styleOf('--ink'),
        progressColor: 'transparent', // the emotions' colours show through: see ::part(canvases)
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
      gone = true;
      surfer.current?.destroy();
      surfer.current = undefined;
      if (address !== undefined) URL.revokeObjectURL(address);
    };
  }, [result, sound]);

  useEffect(() => {
    // Colours are drawn, not styled: with other ones it is drawn again.
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
          <Time at={at} /> <span class="note">/ {seconds(result.duration)}</span>
        </span>
        {silent && <span class="note">{say.noAudio}</span>}
      </div>
      <div class={`waveform${silent ? ' silent' : ''}`} ref={container} role="img" aria-label={say.waveform} />
      {frames === undefined ? (
        <p class="note no-timeline">
          {say.noTimeline}{' '}
          {(sound !== undefined || result.links?.processedAudio !== undefined) && (
            <button type="button" class="link" disabled={busy.value} onClick={() => void makeTimeline()}>
              {say.getTimeline}
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
  const { result: say } = texts.value;
  return (
    <button
      type="button"
      class="button round"
      disabled={disabled}
      aria-label={playing.value ? say.pause : say.play}
      onClick={toggle}
    >
      <Icon name={playing.value ? 'pause' : 'play'} />
    </button>
  );
}

function Time({ at }: { at: ReadonlySignal<number> }) {
  const words = useComputed(() => seconds(at.value));
  return <>{words}</>;
}

/** Where the sound is: kept by the server, with its outline, or in the page. Undefined where it is nowhere. */
async function soundOf(
  { id, links }: ClipResult,
  sound: Blob | undefined,
): Promise<{ url: string; own: boolean; peaks?: number[] } | undefined> {
  if (id !== null && links?.processedAudio !== undefined) {
    try {
      const { peaks } = await getPeaks(id);
      return { url: file(id, 'processed_audio.wav'), own: false, peaks };
    } catch {
      // It may be gone already.
    }
  }
  if (sound === undefined || sound.size > MOST_DECODED_BYTES) return undefined;
  return { url: URL.createObjectURL(sound), own: true };
}
