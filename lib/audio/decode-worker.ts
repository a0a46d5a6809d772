/** Runs in a worker thread: reads, decodes and mixes down one clip at a time. See decode.ts for the other side. */
import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';

import { type ErrorCode, messageOf } from '../errors.js';
import { missingFromMp3 } from './mp3.js';
import { readWav } from './wav.js';

export interface DecodeJob {
  id: number;
  /** A path or the encoded bytes. */
  source: string | Uint8Array;
}

export type DecodeReply =
  | { id: number; samples: Float32Array; sampleRate: number; ms: number }
  | { id: number; code: ErrorCode; what: string; cause: string };

interface Channels {
  channelData: Float32Array[];
  sampleRate: number;
}

type Decode = (bytes: Uint8Array) => Promise<Channels>;
let decoder: Promise<{ default: Decode }> | undefined;

parentPort?.on('message', (job: DecodeJob) => void answer(job));

async function answer({ id, source }: DecodeJob): Promise<void> {
  const begin = performance.now();
  try {
    const name = typeof source === 'string' ? source : 'The audio';
    const bytes = typeof source === 'string' ? readSource(source) : source;
    const { channelData, sampleRate } = await decode(bytes, name);
    const samples = mixDown(channelData, sampleRate, name);
    const ms = performance.now() - begin;
    parentPort?.postMessage({ id, samples, sampleRate, ms } satisfies DecodeReply, [samples.buffer as ArrayBuffer]);
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

/** An EmotionError before its remedy: errors lose their class on the way between threads. */
class Failure extends Error {
  constructor(
    readonly code: ErrorCode,
    what: string,
    cause?: unknown,
  ) {
    super(what, { cause });
  }
}

function readSource(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new Failure('ERR_FILE_NOT_FOUND', `There is no file ${file}`, error);
    const why = code === 'EISDIR' ? 'it is a folder' : messageOf(error);
    throw new Failure('ERR_FILE_READ', `${file} cannot be read: ${why}`, error);
  }
}

async function decode(bytes: Uint8Array, name: string): Promise<Channels> {
  if (bytes.length === 0) throw new Failure('ERR_AUDIO_DECODE', `${name} is empty (0 bytes)`);
  const missing = missingFromMp3(bytes);
  if (missing !== undefined) {
    const share = Math.round((100 * missing.found) / missing.promised);
    throw new Failure(
      'ERR_AUDIO_DECODE',
      `${name} is cut off: it holds ${share} % of the audio that its header promises`,
    );
  }
  let channels: Channels;
  try {
    channels = readWav(bytes) ?? (await decodeWithLibrary(bytes));
  } catch (error) {
    const what = `${name} is not audio that can be decoded: ${messageOf(error)}; it starts with ${startOf(bytes)}`;
    throw new Failure('ERR_AUDIO_DECODE', what, error);
  }
  if (channels.channelData.length === 0 || !(channels.sampleRate > 0)) {
    throw new Failure(
      'ERR_AUDIO_DECODE',
      `${name} holds no audio that can be decoded; it starts with ${startOf(bytes)}`,
    );
  }
  return channels;
}

async function decodeWithLibrary(bytes: Uint8Array): Promise<Channels> {
  decoder ??= import('audio-decode') as unknown as Promise<{ default: Decode }>;
  return (await decoder).default(bytes);
}

/** float32 mean of the channels, as FunASR's, summed in double; in the first one's memory where it owns that. */
function mixDown(channels: Float32Array[], sampleRate: number, name: string): Float32Array {
  const size = Math.max(...channels.map((channel) => channel.length));
  if (size === 0) throw new Failure('ERR_AUDIO_TOO_SHORT', `${name} holds no samples`);
  const first = channels[0]!;
  const mono = first.buffer.byteLength === size * 4 && first.length === size ? first : new Float32Array(size);
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (const channel of channels) sum += channel[i] ?? 0;
    mono[i] = sum / channels.length;
    if (!Number.isFinite(mono[i])) {
      const at = `${(i / sampleRate).toFixed(3)} s (sample ${i})`;
      throw new Failure('ERR_AUDIO_NOT_FINITE', `${name} holds a sample that is not a finite number, at ${at}`);
    }
  }
  return mono;
}

function startOf(bytes: Uint8Array): string {
  return JSON.stringify(Buffer.from(bytes.subarray(0, 12)).toString('latin1'));
}
