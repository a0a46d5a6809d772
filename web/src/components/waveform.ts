import type { ClipResult } from '../api/types.js';
import { colorOf } from '../state/emotions.js';

const BAR = 3;
const GAP = 2;
/** Players round a requested time to microseconds, so a segment begins a little before its start. */
const TIME_STEP = 0.001;

/** Returns the index of the segment at a time: the last one that has begun. */
export function segmentAt(segments: readonly { start: number }[], time: number): number {
  let [low, high] = [0, segments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (segments[middle]!.start <= time + TIME_STEP) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** Draws the waveform as centered bars, each in the color of the emotion at that time. */
export function drawBars(peaks: Float32Array | number[], context: CanvasRenderingContext2D, result: ClipResult): void {
  const { width, height } = context.canvas;
  const ratio = window.devicePixelRatio || 1;
  const step = (BAR + GAP) * ratio;
  const colors = new Map<string, string>();
  const segments = result.segments ?? [];
  let largest = 0.001;
  for (const peak of peaks) largest = Math.max(largest, Math.abs(peak));
  for (let x = 0; x + BAR * ratio <= width; x += step) {
    const [from, to] = [Math.floor((x / width) * peaks.length), Math.ceil(((x + step) / width) * peaks.length)];
    let peak = 0;
    for (let i = from; i < Math.min(to, peaks.length); i++) peak = Math.max(peak, Math.abs(peaks[i]!));
    const size = Math.max(2 * ratio, (peak / largest) * height * 0.96);
    const segment = segments[segmentAt(segments, (x / width) * result.duration)];
    const emotion = colorOf(segment?.emotion ?? result.emotion);
    let color = colors.get(emotion);
    if (color === undefined) colors.set(emotion, (color = styleOf(`--${emotion}`)));
    context.fillStyle = color;
    context.beginPath();
    context.roundRect(x, (height - size) / 2, BAR * ratio, size, BAR * ratio);
    context.fill();
  }
}

/** Returns a color of the style sheets in the form that a canvas accepts. */
export function styleOf(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
