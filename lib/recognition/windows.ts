/** How a long clip is split: the maximum number of seconds per window, `auto`, or `off` for no split. */
export type WindowOption = 'auto' | number | 'off';

/** The window of `auto`: longer clips are split into windows of this length. */
export const AUTO_WINDOW_SECONDS = 60;
/**
 * Distance from the edge of a window within which frames are taken from the neighboring window, which has more context for them.
 * Twice the receptive field of the model's convolutions.
 */
const MARGIN_SECONDS = 2;

/** Describes the windows in which a long clip was inferred. */
export interface WindowSummary {
  /** Length of a window in seconds. */
  length: number;
  /** Seconds from the start of one window to the start of the next. */
  hop: number;
  /** Number of windows. */
  count: number;
}

/** A part of the waveform, and the range of its frames that count. */
export interface Window {
  /** First sample. */
  start: number;
  /** The sample after the last one. */
  end: number;
  /** First frame that counts, from the start of the window. */
  firstFrame: number;
  /** The frame after the last one that counts. Infinity: all following frames count. */
  lastFrame: number;
}

/**
 * Plans the windows of a clip of `length` samples: a single one if the whole clip fits. The frames that count adjoin without
 * overlap.
 */
export function planWindows(
  length: number,
  option: WindowOption,
  { sampleRate, frameRate }: { sampleRate: number; frameRate: number },
): { windows: Window[]; summary: WindowSummary | undefined } {
  const whole = { windows: [{ start: 0, end: length, firstFrame: 0, lastFrame: Infinity }], summary: undefined };
  const seconds = option === 'auto' ? AUTO_WINDOW_SECONDS : option;
  if (seconds === 'off' || length <= seconds * sampleRate) return whole;
  const samplesPerFrame = sampleRate / frameRate;
  const margin = Math.floor(Math.min(MARGIN_SECONDS, seconds / 4) * frameRate); // frames
  const size = Math.floor(seconds * frameRate); // frames
  const hop = size - 2 * margin;
  const windows: Window[] = [];
  for (let first = 0; ; first += hop) {
    const start = Math.round(first * samplesPerFrame);
    const end = Math.min(length, Math.round((first + size) * samplesPerFrame));
    const isLast = end === length;
    windows.push({
      start,
      end,
      firstFrame: first === 0 ? 0 : margin,
      lastFrame: isLast ? Infinity : size - margin,
    });
    if (isLast) break;
  }
  return {
    windows,
    summary: { length: size / frameRate, hop: hop / frameRate, count: windows.length },
  };
}
