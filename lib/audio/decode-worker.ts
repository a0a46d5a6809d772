/** Runs in a worker thread: reads, decodes, mixes down and resamples one clip at a time. See decode-pool.ts for the other side. */
import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';

import { type ErrorCode, messageOf } from '../errors.js';
import { Failure } from './failure.js';
import { MonoAudio, type MonoClip } from './mono.js';
import { missingFromMp3 } from './mp3.js';
import { indexFirst } from './mp4.js';
import type { Pcm } from './pcm.js';
import { readWav } from './wav.js';

export interface DecodeJob {
  id: number;
  /** A path, encoded bytes, or samples. */
  source: string | Uint8Array | Pcm;
  /** Of the clip, in errors. */
  name: string;
  /** Decoding ends with ERR_AUDIO_TOO_LONG where there is more. */
  maxSeconds: number;
  /** Hz of the answer; that of the clip where undefined. */
  rate: number | undefined;
}

export type DecodeReply =
  ({ id: number; ms: number } & MonoClip) | { id: number; code: ErrorCode; what: string; cause: string };

interface Stretch {
  channelData: Float32Array[];
  sampleRate: number;
}

/** What `audio-decode` exports: its default export is a function with a decoder of each format for a property. */
interface Decoders {
  decode: (stretches: Iterable<Uint8Array>, format: string) => AsyncIterable<Stretch>;
  formatOf: (bytes: Uint8Array) => string | undefined;
}
let decoders: Promise<Decoders> | undefined;

/** Frames of what is not compressed that are converted at once. */
const FRAMES = 65_536;
/**
 * Encoded bytes that are decoded at once: compressed silence may be a thousand times as large when it is not. WebM's decoder
 * takes a time that is quadratic in the last piece.
 */
const STRETCH = { usual: 65_536, webm: 8192 };

parentPort?.on('message', (job: DecodeJob) => void answer(job));

async function answer({ id, source, name, maxSeconds, rate }: DecodeJob): Promise<void> {
  const begin = performance.now();
  try {
    const audio = new MonoAudio(name, maxSeconds, rate);
    if (typeof source === 'object' && 'samples' in source) appendSamples(audio, source);
    else await decode(typeof source === 'string' ? readSource(source, name) : source, name, audio);
    const clip = audio.finish();
    const ms = performance.now() - begin;
    parentPort?.postMessage({ id, ms, ...clip } satisfies DecodeReply, [clip.pcm.samples.buffer as ArrayBuffer]);
  } catch (error) {
    const known = error instanceof Failure ? error : new Failure('ERR_AUDIO_DECODE', messageOf(error), error);
    parentPort?.postMessage({
      id,
      code: known.code,
      what: known.message,
      cause: messageOf(known.cause ?? error),
    } satisfies DecodeReply);
  }
}

function readSource(file: string, name: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new Failure('ERR_FILE_NOT_FOUND', `There is no file ${name}`, error);
    const why = code === 'EISDIR' ? 'it is a folder' : messageOf(error);
    throw new Failure('ERR_FILE_READ', `${name} cannot be read: ${why}`, error);
  }
}

function appendSamples(audio: MonoAudio, { samples, sampleRate }: Pcm): void {
  for (let at = 0; at < samples.length; at += FRAMES) audio.append([samples.subarray(at, at + FRAMES)], sampleRate);
}

async function decode(bytes: Uint8Array, name: string, audio: MonoAudio): Promise<void> {
  if (bytes.length === 0) throw new Failure('ERR_AUDIO_DECODE', `${name} is empty (0 bytes)`);
  const missing = missingFromMp3(bytes);
  if (missing !== undefined) {
    const share = Math.round((100 * missing.found) / missing.promised);
    throw new Failure(
      'ERR_AUDIO_DECODE',
      `${name} is cut off: it holds ${share} % of the audio that its header promises`,
    );
  }
  try {
    const wav = readWav(bytes);
    if (wav !== undefined) {
      if (wav.frames === 0) throw new Failure('ERR_AUDIO_TOO_SHORT', `${name} holds no samples`);
      audio.expect(wav.frames, wav.sampleRate);
      for (let start = 0; start < wav.frames; start += FRAMES) {
        audio.append(wav.read(start, Math.min(wav.frames, start + FRAMES)), wav.sampleRate);
      }
    } else {
      for await (const { channelData, sampleRate } of decodeStretches(bytes)) audio.append(channelData, sampleRate);
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    const what = `${name} is not audio that can be decoded: ${messageOf(error)}; it starts with ${startOf(bytes)}`;
    throw new Failure('ERR_AUDIO_DECODE', what, error);
  }
  if (!audio.empty) return;
  throw new Failure('ERR_AUDIO_DECODE', `${name} holds no audio that can be decoded; it starts with ${startOf(bytes)}`);
}

async function* decodeStretches(bytes: Uint8Array): AsyncIterable<Stretch> {
  decoders ??= Promise.all([import('audio-decode'), import('audio-type')]).then(([{ default: decode }, type]) => ({
    decode: decode as unknown as Decoders['decode'],
    formatOf: type.default,
  }));
  const { decode, formatOf } = await decoders;
  const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice(); // audio-type looks at the buffer's start
  const format = formatOf(whole);
  if (format === undefined) throw new Error('Unknown audio format');
  const ordered = ['mp4', 'm4a', 'mov'].includes(format) ? indexFirst(whole) : whole;
  const size = format === 'webm' || format === 'mkv' ? STRETCH.webm : STRETCH.usual;
  yield* decode(stretchesOf(ordered, size), format);
}

/** The last one is the longest: FLAC's decoder drops a frame where the file's last piece is a few bytes. */
function* stretchesOf(bytes: Uint8Array, size: number): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const end = bytes.length - at < 2 * size ? bytes.length : at + size;
    yield bytes.subarray(at, end);
    at = end;
  }
}

function startOf(bytes: Uint8Array): string {
  return JSON.stringify(Buffer.from(bytes.subarray(0, 12)).toString('latin1'));
}
