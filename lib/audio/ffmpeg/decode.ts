import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { messageOf } from '../../shared/errors.js';
import { limits } from '../../options/limits.js';
import { Failure } from '../decode-errors.js';
import type { Stretch } from '../formats/audio-block.js';
import { type Ending, GuardedProcess, INPUT } from './process.js';

/**
 * Demuxers that open nothing but the file that they are given: no playlists (hls, dash, concat), no descriptions of sessions
 * (sdp), no numbered images (image2), nothing that is played from text.
 */
const DEMUXERS = [
  ...[
    'aac',
    'ac3',
    'act',
    'adx',
    'aea',
    'aiff',
    'amr',
    'ape',
    'asf',
    'ast',
    'au',
    'avi',
    'avr',
    'caf',
    'codec2',
    'dhav',
  ],
  ...[
    'dsf',
    'dss',
    'dts',
    'dtshd',
    'eac3',
    'epaf',
    'flac',
    'flv',
    'g722',
    'gsm',
    'gxf',
    'hcom',
    'iff',
    'ircam',
    'loas',
  ],
  ...[
    'matroska',
    'mlp',
    'mmf',
    'mov',
    'mp3',
    'mpc',
    'mpc8',
    'mpeg',
    'mpegts',
    'mxf',
    'nistsphere',
    'nsv',
    'nut',
    'ogg',
    'oma',
  ],
  ...[
    'pvf',
    'qcp',
    'rm',
    'rso',
    'sds',
    'shn',
    'sox',
    'swf',
    'tak',
    'truehd',
    'tta',
    'voc',
    'vqf',
    'w64',
    'wav',
    'webm',
    'wsd',
  ],
  ...['wtv', 'wv', 'wve', 'xwma'],
];

/** Formats without a header, by the ending of their name. Their rate is their codec's. */
const HEADERLESS: Readonly<Record<string, string>> = { '.gsm': 'gsm', '.g722': 'g722' };

/** Seconds of audio: a stream that never ends is no clip. */
const MOST_SECONDS = 24 * 3600;
/** Of frames that cannot be decoded, beyond which the file is not what it seems: what is left out would be missed by nobody. */
const MOST_ERRORS = 0.05;
/** Bytes of the one block that ffmpeg may ask for at once. */
const MOST_BLOCK = 2 ** 28;
const MOST_CHANNELS = 64;

/** One at a time in each decoding thread. */
let turn: Promise<unknown> = Promise.resolve();

export interface FfmpegInput {
  /** ffmpeg, as `findFfmpeg` has it. */
  program: string;
  /** Where the bytes are already; undefined: they go into a file that has no name. */
  file: string | undefined;
  bytes: Uint8Array;
  /** Of the clip, in errors. */
  name: string;
  /** Ends the process. */
  signal: AbortSignal | undefined;
}

/**
 * Decodes the first audio stream of a file in a process of ffmpeg, at its own rate and with all its channels. The process ends with
 * the iteration.
 * @throws Failure ERR_AUDIO_DECODE, ERR_AUDIO_TOO_LONG; the signal's reason
 */
export async function* decodeWithFfmpeg(input: FfmpegInput): AsyncGenerator<Stretch, void, undefined> {
  const { name, signal } = input;
  const before = turn;
  let done = (): void => undefined;
  turn = new Promise<void>((resolve) => (done = resolve));
  let child: GuardedProcess | undefined;
  try {
    await before;
    signal?.throwIfAborted();
    child = await start(input);
    yield* stretchesOf(child.output(signal), name);
    signal?.throwIfAborted();
    explain(await child.end(), name);
  } finally {
    child?.kill();
    done();
  }
}

async function start({ program, file, bytes, name }: FfmpegInput): Promise<GuardedProcess> {
  const format = file === undefined ? undefined : HEADERLESS[path.extname(file).toLowerCase()];
  let descriptor: number | undefined;
  try {
    descriptor = file === undefined ? nameless(bytes) : openSync(file, 'r');
    return await GuardedProcess.start(program, argumentsFor(format), descriptor);
  } catch (error) {
    throw new Failure('ERR_AUDIO_DECODE', `ffmpeg could not be started for ${name}: ${messageOf(error)}`, error);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function argumentsFor(format: string | undefined): string[] {
  return [
    ...['-nostdin', '-hide_banner', '-loglevel', 'error', '-max_alloc', `${MOST_BLOCK}`],
    ...['-max_error_rate', `${MOST_ERRORS}`],
    ...['-protocol_whitelist', 'file', '-format_whitelist', DEMUXERS.join(',')],
    ...['-vn', '-sn', '-dn', '-threads', '1', ...(format === undefined ? [] : ['-f', format]), '-i', INPUT],
    // a Sun audio file: a header that needs no seeking, and floats
    ...['-map', '0:a:0', '-c:a', 'pcm_f32be', '-f', 'au', 'pipe:1'],
  ];
}

/** A file without a name: there is nothing to be removed, whatever ends this process. */
function nameless(bytes: Uint8Array): number {
  const file = path.join(tmpdir(), `emotion2vec-${randomUUID()}`);
  const descriptor = openSync(file, 'wx+', 0o600);
  try {
    unlinkSync(file);
    for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Of a Sun audio file of big-endian floats, as it comes. */
async function* stretchesOf(chunks: AsyncIterable<Buffer>, name: string): AsyncGenerator<Stretch, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  let header: AuHeader | undefined;
  let seconds = 0;
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (header === undefined) {
      header = readHeader(rest, name);
      if (header === undefined) continue;
      rest = rest.subarray(header.size);
    }
    const { sampleRate, channels } = header;
    const frames = Math.floor(rest.length / (4 * channels));
    if (frames === 0) continue;
    seconds += frames / sampleRate;
    if (seconds > MOST_SECONDS) {
      throw new Failure('ERR_AUDIO_TOO_LONG', `${name} is longer than ${MOST_SECONDS} s`);
    }
    yield { channelData: channelsOf(rest, frames, channels), sampleRate };
    rest = rest.subarray(frames * 4 * channels);
  }
}

interface AuHeader {
  size: number;
  sampleRate: number;
  channels: number;
}

/** Undefined where more bytes are needed. */
function readHeader(bytes: Buffer, name: string): AuHeader | undefined {
  if (bytes.length < 24) return undefined;
  const [size, encoding, sampleRate, channels] = [4, 12, 16, 20].map((at) => bytes.readUInt32BE(at)) as [
    number,
    number,
    number,
    number,
  ];
  const right =
    bytes.toString('latin1', 0, 4) === '.snd' &&
    encoding === 6 &&
    size >= 24 &&
    size <= 65_536 &&
    sampleRate >= limits.sampleRate.min &&
    sampleRate <= limits.sampleRate.max &&
    channels >= 1 &&
    channels <= MOST_CHANNELS;
  if (!right)
    throw new Failure('ERR_AUDIO_DECODE', `What ffmpeg gave for ${name} is not audio, or not of a usual kind`);
  return bytes.length < size ? undefined : { size, sampleRate, channels };
}

function channelsOf(bytes: Buffer, frames: number, channels: number): Float32Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: channels }, (_, channel) => {
    const samples = new Float32Array(frames);
    for (let i = 0, at = 4 * channel; i < frames; i++, at += 4 * channels) samples[i] = view.getFloat32(at);
    return samples;
  });
}

function explain(ending: Ending, name: string): void {
  const why = reasonOf(ending);
  if (why === undefined) return;
  throw new Failure('ERR_AUDIO_DECODE', `ffmpeg could not decode ${name}: ${why}`, new Error(why));
}

/** Undefined where it ended well. */
function reasonOf(ending: Ending): string | undefined {
  if ('killed' in ending) return ending.killed === 'silent' ? 'it gave no output for too long' : 'it took too long';
  const { status, errors } = ending;
  if (status === 0) return undefined;
  return lastLine(errors) ?? (status > 128 ? `it ended by signal ${status - 128}` : `it ended with status ${status}`);
}

/** ffmpeg's own reason, without what it calls the file and its own parts. */
function lastLine(errors: string): string | undefined {
  const lines = errors.split('\n').map((line) =>
    line
      .replaceAll(`${INPUT}: `, '')
      .replaceAll(INPUT, 'the file')
      .replace(/^(\[[^\]]*\] )+/, '')
      .replace(/\.?\s*$/, ''),
  );
  return lines
    .filter((line) => line !== '')
    .at(-1)
    ?.slice(0, 200);
}
