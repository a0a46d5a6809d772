import { signal } from '@preact/signals';

import { texts } from '../i18n/index.js';
import { choose } from '../state/chosen.js';
import { fail } from '../state/failure.js';

/** The recording under way: its length in seconds, and its level, 0 to 1. */
export const recording = signal<{ seconds: number; level: number } | undefined>(undefined);

/** Formats of recordings, in order of preference. The first that the browser supports is used. */
const TYPES = [
  { mime: 'audio/webm;codecs=opus', ending: 'webm' },
  { mime: 'audio/mp4', ending: 'm4a' },
  { mime: 'audio/ogg;codecs=opus', ending: 'ogg' },
];
const UPDATE_MS = 60;

/** Recordings that are shorter are taken for accidental clicks. */
const MIN_SECONDS = 0.3;

let stopNow: (() => void) | undefined;
/** Whether the browser is asking for permission to use the microphone. */
let asking = false;

export function stopRecording(): void {
  stopNow?.();
}

/** Records from the microphone until `stopRecording` is called, and then selects the recording. */
export async function startRecording(): Promise<void> {
  if (recording.value !== undefined || asking) return;
  if (!window.isSecureContext) {
    fail({ code: 'ERR_INSECURE', message: '' });
    return;
  }
  asking = true;
  let stream: MediaStream | undefined;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    record(stream);
  } catch (error) {
    close(stream);
    fail({ code: 'ERR_MICROPHONE', message: String(error) });
  } finally {
    asking = false;
  }
}

function record(stream: MediaStream): void {
  const type = TYPES.find(({ mime }) => MediaRecorder.isTypeSupported(mime));
  const recorder = new MediaRecorder(stream, type && { mimeType: type.mime });
  const parts: Blob[] = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const meter = levelMeter(stream);
  const begin = performance.now();
  const timer = setInterval(() => {
    recording.value = { seconds: (performance.now() - begin) / 1000, level: meter.level() };
  }, UPDATE_MS);
  recorder.onstop = () => {
    clearInterval(timer);
    meter.close();
    close(stream);
    recording.value = undefined;
    stopNow = undefined;
    if (performance.now() - begin < 1000 * MIN_SECONDS) {
      fail({ code: 'ERR_AUDIO_TOO_SHORT', message: '' });
      return;
    }
    const time = new Date().toTimeString().slice(0, 8).replaceAll(':', '.');
    const name = `${texts.value.input.recordingName} ${time}.${type?.ending ?? 'webm'}`;
    choose([new File(parts, name, { type: (type?.mime ?? 'audio/webm').split(';')[0]! })]);
  };
  recording.value = { seconds: 0, level: 0 };
  stopNow = () => recorder.stop();
  recorder.start();
}

/** Stops the tracks. Until then the browser shows that the microphone is in use. */
function close(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

function levelMeter(stream: MediaStream): { level: () => number; close: () => void } {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  return {
    level: () => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      return Math.min(1, Math.max(0, 1 + Math.log10(power + 1e-9) / 5)); // -50 dB is silence
    },
    close: () => void context.close(),
  };
}
