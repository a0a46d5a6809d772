import type { ClipResult } from '../api/types.js';
import { colourOf } from '../state/emotions.js';

const BAR = 3;
const GAP = 2;
/** A player gives a time that was asked for back in whole microseconds: a segment begins a little before its start. */
const TIME_STEP = 0.001;

/** Which segment is heard at a time: the last that has begun. */
export function segmentAt(segments: readonly { start: number }[], time: number): number {
  let [low, high] = [0, segments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (segments[middle]!.start <= time + TIME_STEP) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** Bars from the middle, each in the colour of what is heard there. */
export function drawBars(peaks: Float32Array | number[], context: CanvasRenderingContext2D, result: ClipResult): void {
  const { width, height } = context.canvas;
  const ratio = window.devicePixelRatio || 1;
  const step = (BAR + GAP) * ratio;
  const colours = new Map<string, string>();
  const segments = result.segments ?? [];
  let largest = 0.001;
  for (const peak of peaks) largest = Math.max(largest, Math.abs(peak));
  for (let x = 0; x + BAR * ratio <= width; x += step) {
    const [from, to] = [Math.floor((x / width) * peaks.length), Math.ceil(((x + step) / width) * peaks.length)];
    let peak = 0;
    for (let i = from; i < Math.min(to, peaks.length); i++) peak = Math.max(peak, Math.abs(peaks[i]!));
    const size = Math.max(2 * ratio, (peak / largest) * height * 0.96);
    const segment = segments[segmentAt(segments, (x / width) * result.duration)];
    const emotion = colourOf(segment?.emotion ?? result.emotion);
    let colour = colours.get(emotion);
    if (colour === undefined) colours.set(emotion, (colour = styleOf(`--${emotion}`)));
    context.fillStyle = colour;
    context.beginPath();
    context.roundRect(x, (height - size) / 2, BAR * ratio, size, BAR * ratio);
    context.fill();
  }
}

/** A colour of the style sheets, as a canvas takes it. */
export function styleOf(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
