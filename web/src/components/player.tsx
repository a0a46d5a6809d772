import { useEffect, useRef, useState } from 'preact/hooks';
import WaveSurfer from 'wavesurfer.js';

import { file, getPeaks } from '../api/client.js';
import type { ClipResult } from '../api/types.js';
import { texts } from '../i18n/index.js';
import { colourOf, seconds } from '../state/emotions.js';
import { busy, makeTimeline, type Shown } from '../state/run.js';
import { theme } from '../state/settings.js';
import { Icon } from './icons.js';
import { Timeline } from './timeline.js';

/** Larger sounds are not decoded in the page, only played. */
const MOST_DECODED_BYTES = 30 * 2 ** 20;
const BAR = 3;
const GAP = 2;

/** The clip's sound: its waveform in the colours of its emotions, and the timeline under it. */
export function Player({ shown }: { shown: Shown }) {
  const { result: say } = texts.value;
  const { result, sound } = shown;
  const container = useRef<HTMLDivElement>(null);
  const surfer = useRef<WaveSurfer | undefined>(undefined);
  const [at, setAt] = useState(0);
  const [playing, setPlaying] = useState(false);
  const [silent, setSilent] = useState(false);

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
        ...(wave.peaks && { peaks: [wave.peaks], duration: result.durationSeconds }),
        height: 96,
        cursorWidth: 2,
        cursorColor: styleOf('--ink'),
        progressColor: 'transparent', // the emotions' colours show through
        normalize: true,
        dragToSeek: true,
        hideScrollbar: true,
        cspNonce: document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? '',
        renderFunction: (peaks, context) => drawBars(peaks[0] ?? [], context, result),
      });
      made.on('timeupdate', setAt);
      made.on('play', () => setPlaying(true));
      made.on('pause', () => setPlaying(false));
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
    surfer.current?.setOptions({ cursorColor: styleOf('--ink') });
  }, [theme.value]);

  const seek = (time: number): void => {
    surfer.current?.setTime(time);
    setAt(time);
  };
  const frames = result.frames;
  return (
    <div class="player">
      <div class="transport">
        <button
          type="button"
          class="button round"
          disabled={silent}
          aria-label={playing ? say.pause : say.play}
          onClick={() => void surfer.current?.playPause()}
        >
          <Icon name={playing ? 'pause' : 'play'} />
        </button>
        <span class="time">
          {seconds(at)} <span class="note">/ {seconds(result.durationSeconds)}</span>
        </span>
        {silent && <span class="note">{say.noAudio}</span>}
      </div>
      <div class={`waveform${silent ? ' silent' : ''}`} ref={container} role="img" aria-label={say.waveform} />
      {frames === undefined ? (
        <p class="note no-timeline">
          {say.noTimeline}{' '}
          {sound !== undefined && (
            <button type="button" class="link" disabled={busy.value} onClick={() => void makeTimeline()}>
              {say.getTimeline}
            </button>
          )}
        </p>
      ) : (
        <Timeline
          frames={frames}
          segments={result.segments ?? []}
          duration={result.durationSeconds}
          at={at}
          seek={seek}
        />
      )}
    </div>
  );
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

/** Bars from the middle, each in the colour of what is heard there. */
function drawBars(peaks: Float32Array | number[], context: CanvasRenderingContext2D, result: ClipResult): void {
  const { width, height } = context.canvas;
  const ratio = window.devicePixelRatio || 1;
  const step = (BAR + GAP) * ratio;
  const colours = new Map<string, string>();
  let largest = 0.001;
  for (const peak of peaks) largest = Math.max(largest, Math.abs(peak));
  for (let x = 0; x + BAR * ratio <= width; x += step) {
    const [from, to] = [Math.floor((x / width) * peaks.length), Math.ceil(((x + step) / width) * peaks.length)];
    let peak = 0;
    for (let i = from; i < Math.min(to, peaks.length); i++) peak = Math.max(peak, Math.abs(peaks[i]!));
    const size = Math.max(2 * ratio, (peak / largest) * height * 0.96);
    const emotion = colourOf(emotionAt((x / width) * result.durationSeconds, result));
    let colour = colours.get(emotion);
    if (colour === undefined) colours.set(emotion, (colour = styleOf(`--${emotion}`)));
    context.fillStyle = colour;
    context.beginPath();
    context.roundRect(x, (height - size) / 2, BAR * ratio, size, BAR * ratio);
    context.fill();
  }
}

function emotionAt(time: number, { segments, emotion }: ClipResult): string {
  return segments?.find((segment) => time < segment.end)?.emotion ?? segments?.at(-1)?.emotion ?? emotion;
}

/** A colour of the style sheets, as a canvas takes it. */
function styleOf(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
