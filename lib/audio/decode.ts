import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { types } from 'node:util';

import { defaults } from '../options/limits.js';
import type { Decoder } from '../options/types.js';
import type { RawFormat } from '../options/types.js';
import { onAbort } from '../shared/abort.js';
import { EmotionError } from '../shared/errors.js';
import { explainTooLarge } from '../shared/file-error.js';
import { AudioBudget, type AudioLease } from './budget.js';
import { pipeSource } from './input/byte-source.js';
import { assertAttached, bytesOf, isMutable, ownBytes } from './input/bytes.js';
import { collect, streamError } from './input/collect.js';
import { urlOfPath } from './input/file-url.js';
import { explainNoFile } from './input/read-file.js';
import { stopInput, takeInput, type TakenInput } from './input/take-input.js';
import { type AudioBlob, type AudioInput, type AudioSamples, firstNotFinite } from './pcm.js';
import { DecodePool } from './workers/decode-pool.js';
import type { Decoded, DecodeRequest } from './workers/decode-thread.js';

/**
 * Encoded bytes above which a clip is decoded by the thread for long clips: two minutes of MP3, which take a third of a second.
 */
const LONG_BYTES = 2 * 2 ** 20;

/**
 * The budget of decoded audio that waits for the model in this JavaScript thread: 35 minutes at 16 kHz. When it is full, clips
 * stay on disk or encoded until the model has caught up.
 */
export const audioBudget = new AudioBudget(128 * 2 ** 20);

const shortClips = new DecodePool(Math.min(4, Math.max(1, availableParallelism() >> 2)), audioBudget);
const longClips = new DecodePool(1, audioBudget); // separate, so that no short clip waits for an hour of MP3

export interface DecodeOptions {
  signal?: AbortSignal | undefined;
  /** Clips of higher priority are decoded first. Default 0. */
  priority?: number | undefined;
  /** The sample format of files and bytes that have no header. */
  raw?: RawFormat | undefined;
  /** Longer clips fail with ERR_AUDIO_TOO_LONG, as soon as that is known. Default: the limit that `maxSecondsFor` returns. */
  maxSeconds?: number | undefined;
  /** Sample rate of the output in Hz. Default: that of the clip. */
  rate?: number | undefined;
  /** The clip's name in error messages. Default: its path. */
  name?: string | undefined;
  /** Whether the bytes may be transferred rather than copied. Default false. */
  transfer?: boolean | undefined;
  /** Default `auto`. */
  decoder?: Decoder | undefined;
  /** Larger files, blobs and streams fail with ERR_AUDIO_TOO_LONG. Default 2 GiB. */
  maxBytes?: number | undefined;
}

/** A decoded clip, and the memory that it holds of the audio budget. The lease must be released after the inference. */
export interface DecodedAudio extends Decoded {
  lease: AudioLease;
}

/**
 * Decodes a clip into one channel, the mean of all channels. Files are read, decoded and resampled in a worker thread. Raw
 * float32 samples that need no resampling are returned without a copy.
 * @throws TypeError for an unsupported kind of input, and for an empty path
 * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_AUDIO_DECODE, ERR_AUDIO_TOO_SHORT, ERR_AUDIO_TOO_LONG,
 *   ERR_AUDIO_NOT_FINITE, ERR_OUT_OF_MEMORY, ERR_DECODER_UNAVAILABLE
 */
export async function decodeAudio(input: AudioInput, options: DecodeOptions = {}): Promise<DecodedAudio> {
  const taken = takeInput(input, options.name);
  try {
    return await decodeTaken(taken, options);
  } finally {
    stopInput(taken);
  }
}

/** Decodes an input that was taken with `takeInput`. The caller must pass it to `stopInput` afterwards. */
export async function decodeTaken(taken: TakenInput, options: DecodeOptions = {}): Promise<DecodedAudio> {
  const { signal, priority = 0, maxSeconds = Infinity, rate, transfer = false } = options;
  const { maxBytes = defaults.maxBytes, decoder = 'auto', raw } = options;
  const { name } = taken;
  signal?.throwIfAborted();
  const request = { signal, priority, maxSeconds, rate, name, maxBytes, decoder, raw };
  const decodeBytes = (source: Uint8Array) => leased(poolFor(source.length).decode({ ...request, source }));
  switch (taken.kind) {
    case 'samples':
      return decodeSamples(taken, request);
    case 'bytes':
      return decodeBytes(ownBytes(taken.bytes(), transfer)); // transferred to the thread
    case 'stream':
      return decodeBytes(await collect(taken.source, request));
    case 'blob':
      return decodeBytes(await bytesOfBlob(taken.blob, request));
    case 'file': {
      const { path } = taken;
      const stats = await stat(path).catch(() => undefined); // the thread reports what is wrong
      signal?.throwIfAborted();
      if (stats?.isFIFO()) return decodeBytes(await collectPipe(path, request));
      if (stats !== undefined && !stats.isFile() && !stats.isDirectory())
        throw EmotionError.from(explainNoFile(stats, name));
      const source = typeof path === 'string' ? path : urlOfPath(path);
      return leased(poolFor(stats?.size ?? 0).decode({ ...request, source }));
    }
  }
}

type Request = Omit<DecodeRequest, 'source'> & { maxBytes: number };

async function decodeSamples({ samples, sampleRate }: AudioSamples, request: Request): Promise<DecodedAudio> {
  const { name, maxSeconds, rate } = request;
  assertAttached(samples);
  if (samples.length === 0) throw new EmotionError('ERR_AUDIO_TOO_SHORT', `${name} contains no samples`);
  if (samples.length > maxSeconds * sampleRate) {
    throw new EmotionError('ERR_AUDIO_TOO_LONG', `${name} is longer than ${maxSeconds} s`);
  }
  if (!types.isFloat32Array(samples) || (rate !== undefined && rate !== sampleRate)) {
    const source = { samples: samples.slice(), sampleRate };
    return leased(poolFor(source.samples.byteLength).decode({ ...request, source }));
  }
  const own = isMutable(samples) ? samples.slice() : samples; // otherwise the caller's own memory
  const bad = firstNotFinite(own);
  if (bad >= 0)
    throw new EmotionError(
      'ERR_AUDIO_NOT_FINITE',
      `${name} contains a sample that is not a finite number: sample ${bad}`,
    );
  const lease = audioBudget.hold(own === samples ? 0 : own.byteLength);
  const pcm = { samples: own, sampleRate };
  return { pcm, duration: own.length / sampleRate, ms: 0, decoder: 'builtin', lease };
}

/** Reads a named pipe. `collect` stops it, because it was opened after `takeInput`. */
async function collectPipe(path: string | Buffer, request: Request): Promise<Uint8Array> {
  return collect(pipeSource(path, request.name), request);
}

/** Reads a blob in one piece. */
async function bytesOfBlob(blob: AudioBlob, { name, maxBytes, signal }: Request): Promise<Uint8Array> {
  if (blob.size > maxBytes) throw EmotionError.from(explainTooLarge(name, blob.size, maxBytes));
  const buffer = await new Promise((resolve, reject) => {
    const unfollow = signal && onAbort(signal, () => reject(signal.reason as Error));
    const reading = (async () => blob.arrayBuffer())();
    void reading.finally(unfollow).then(resolve, (cause: unknown) => reject(streamError(cause, name)));
  });
  const bytes = bytesOf(buffer);
  if (bytes === undefined) throw new TypeError(`${name} is a Blob whose arrayBuffer() does not resolve to bytes`);
  if (bytes.length > maxBytes) throw EmotionError.from(explainTooLarge(name, bytes.length, maxBytes)); // `size` may be wrong
  return ownBytes(bytes, false); // a library's Blob may return memory that it keeps
}

function poolFor(bytes: number): DecodePool {
  return bytes > LONG_BYTES ? longClips : shortClips;
}

async function leased(decoding: Promise<Decoded>): Promise<DecodedAudio> {
  const decoded = await decoding;
  return { ...decoded, lease: audioBudget.hold(decoded.pcm.samples.byteLength) };
}
