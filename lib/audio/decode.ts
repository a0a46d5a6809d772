import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';

import { EmotionError } from '../errors.js';
import { limits } from '../options.js';
import { AudioBudget, type AudioLease } from './budget.js';
import { type Decoded, DecodePool } from './decode-pool.js';
import { type AudioInput, firstNotFinite, type Pcm } from './pcm.js';
import type { RawFormat } from './raw.js';

/** Encoded bytes above which a clip keeps to the thread of the long ones: two minutes of MP3, which take a third of a second. */
const LONG = 2 * 2 ** 20;

/**
 * Decoded audio that waits for the model in this JavaScript thread: 35 minutes at 16 kHz. Beyond that, clips stay as they
 * are, on the disk or encoded, until the model has caught up.
 */
export const audioBudget = new AudioBudget(128 * 2 ** 20);

const shortClips = new DecodePool(Math.min(4, Math.max(1, availableParallelism() >> 2)), audioBudget);
const longClips = new DecodePool(1, audioBudget); // of their own, so that no short clip waits for an hour of MP3

export interface DecodeOptions {
  signal?: AbortSignal | undefined;
  /** Clips of higher priority are decoded first. Default 0. */
  priority?: number | undefined;
  /** Files and bytes are samples without a header. */
  raw?: RawFormat | undefined;
  /** Longer clips end with ERR_AUDIO_TOO_LONG, as soon as that is known. Default: `mostSeconds` of an encoded clip's bytes. */
  maxSeconds?: number | undefined;
  /** Hz that the clip gets. Default: its own. */
  rate?: number | undefined;
  /** What errors call the clip. Default: its path. */
  name?: string | undefined;
  /** Whether bytes may be taken rather than copied. Default false. */
  transfer?: boolean | undefined;
}

/** A clip, and its share of the audio budget: to be released when the model has heard it. */
export interface DecodedAudio extends Decoded {
  lease: AudioLease;
}

/**
 * Decodes a file, or encoded bytes, into one channel: the mean of all. Reading, decoding and resampling run in a worker thread.
 * Raw samples that need no other rate pass as they are.
 * @throws TypeError for another kind of input, and for an empty path
 * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_AUDIO_DECODE, ERR_AUDIO_TOO_SHORT, ERR_AUDIO_TOO_LONG,
 *   ERR_AUDIO_NOT_FINITE
 */
export async function decodeAudio(
  input: AudioInput,
  { signal, priority = 0, maxSeconds = Infinity, rate, raw, name, transfer = false }: DecodeOptions = {},
): Promise<DecodedAudio> {
  signal?.throwIfAborted();
  const wanted = {
    signal,
    priority,
    maxSeconds,
    rate,
    raw,
    name: name ?? (typeof input === 'string' ? input : 'The audio'),
  };
  if (input === '') throw new TypeError('The path of the clip is empty');
  if (typeof input === 'string') {
    const { size } = await stat(input).catch(() => ({ size: 0 })); // the thread says what is wrong with it
    signal?.throwIfAborted();
    return leased(poolFor(size).decode({ ...wanted, source: input }));
  }
  if (input instanceof Uint8Array || input instanceof ArrayBuffer) {
    const source = ownBytes(input, transfer); // they move to the thread
    return leased(poolFor(source.length).decode({ ...wanted, source }));
  }
  const pcm = checkPcm(input, maxSeconds);
  if (rate !== undefined && rate !== pcm.sampleRate) {
    const source = { samples: pcm.samples.slice(), sampleRate: pcm.sampleRate };
    return leased(poolFor(source.samples.byteLength).decode({ ...wanted, source }));
  }
  const durationSeconds = pcm.samples.length / pcm.sampleRate;
  return { pcm, durationSeconds, ms: 0, lease: audioBudget.hold(0) }; // the caller's own memory
}

/** Bytes that nobody else has: a copy, unless they are the whole of their buffer and may be taken. */
function ownBytes(input: Uint8Array | ArrayBuffer, transfer: boolean): Uint8Array {
  const bytes = input instanceof Uint8Array ? input : new Uint8Array(input);
  const whole = bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer;
  return transfer && whole ? bytes : Uint8Array.from(bytes);
}

function poolFor(bytes: number): DecodePool {
  return bytes > LONG ? longClips : shortClips;
}

async function leased(decoding: Promise<Decoded>): Promise<DecodedAudio> {
  const decoded = await decoding;
  return { ...decoded, lease: audioBudget.hold(decoded.pcm.samples.byteLength) };
}

function checkPcm(input: unknown, maxSeconds: number): Pcm {
  const { samples, sampleRate } = (input ?? {}) as Partial<Pcm>;
  if (!(samples instanceof Float32Array)) {
    throw new TypeError('The input must be a path, encoded bytes, or { samples: Float32Array, sampleRate }');
  }
  const { min, max } = limits.sampleRate;
  if (!Number.isInteger(sampleRate) || sampleRate! < min || sampleRate! > max) {
    throw new TypeError(`sampleRate must be an integer from ${min} to ${max}, got ${String(sampleRate)}`);
  }
  if (samples.length === 0) throw new EmotionError('ERR_AUDIO_TOO_SHORT', 'The clip holds no samples');
  if (samples.length > maxSeconds * sampleRate!) {
    throw new EmotionError('ERR_AUDIO_TOO_LONG', `The clip is longer than ${maxSeconds} s`);
  }
  const bad = firstNotFinite(samples);
  if (bad >= 0) throw new EmotionError('ERR_AUDIO_NOT_FINITE', `The clip's sample ${bad} is not a finite number`);
  return { samples, sampleRate: sampleRate! };
}
