import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { limits } from '../../options/limits.js';
import { EmotionError, messageOf } from '../../shared/errors.js';
import type { AudioBlock } from '../formats/audio-block.js';
import { DEMUXERS } from './demuxers.js';
import { type ExitResult, GuardedProcess, INPUT } from './process.js';

/** Formats without a header, by file extension. Their sample rate is that of their codec. */
const HEADERLESS: Readonly<Record<string, string>> = { '.gsm': 'gsm', '.g722': 'g722' };

/** Maximum length of a clip. Some streams never end. */
const MAX_SECONDS = 24 * 3600;
/** Maximum share of frames that cannot be decoded. With more, audio would be missing from the clip without an error. */
const MAX_ERROR_RATE = 0.05;
/** Maximum number of bytes that ffmpeg may allocate at once. */
const MAX_ALLOCATION = 2 ** 28;
const MAX_CHANNELS = 64;

/** Settles when the previous process has ended. Each decoding thread runs one process at a time. */
let previous: Promise<unknown> = Promise.resolve();

export interface FfmpegInput {
  /** The path of ffmpeg. See `findFfmpeg`. */
  program: string;
  /** The file that contains the bytes. If undefined, they are written to an unnamed temporary file. */
  file: string | undefined;
  bytes: Uint8Array;
  /** The clip's name in error messages. */
  name: string;
  /** Ends the process. */
  signal: AbortSignal | undefined;
}

/**
 * Decodes the first audio stream of a file with ffmpeg in a process of its own, at the file's sample rate and with all channels.
 * The process ends with the iteration.
 * @throws EmotionError ERR_AUDIO_DECODE, ERR_AUDIO_TOO_LONG; the signal's reason
 */
export async function* decodeWithFfmpeg(input: FfmpegInput): AsyncGenerator<AudioBlock, void, undefined> {
  const { name, signal } = input;
  const before = previous;
  let done = (): void => undefined;
  previous = new Promise<void>((resolve) => (done = resolve));
  let child: GuardedProcess | undefined;
  try {
    await before;
    signal?.throwIfAborted();
    child = await start(input);
    yield* blocksOf(child.output(signal), name);
    signal?.throwIfAborted();
    checkResult(await child.result(), name);
  } finally {
    child?.kill();
    done();
  }
}

async function start({ program, file, bytes, name }: FfmpegInput): Promise<GuardedProcess> {
  const format = file === undefined ? undefined : HEADERLESS[path.extname(file).toLowerCase()];
  let descriptor: number | undefined;
  try {
    descriptor = file === undefined ? unnamedFile(bytes) : openSync(file, 'r');
    return await GuardedProcess.start(program, argumentsFor(format), descriptor);
  } catch (error) {
    const what = `ffmpeg could not be started to decode ${name}: ${messageOf(error)}`;
    throw new EmotionError('ERR_AUDIO_DECODE', what, { cause: error });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function argumentsFor(format: string | undefined): string[] {
  return [
    ...['-nostdin', '-hide_banner', '-loglevel', 'error', '-max_alloc', `${MAX_ALLOCATION}`],
    ...['-max_error_rate', `${MAX_ERROR_RATE}`],
    ...['-protocol_whitelist', 'file', '-format_whitelist', DEMUXERS.join(',')],
    ...['-vn', '-sn', '-dn', '-threads', '1', ...(format === undefined ? [] : ['-f', format]), '-i', INPUT],
    // The output is a Sun audio file: its header can be written without seeking, and it supports floats.
    ...['-map', '0:a:0', '-c:a', 'pcm_f32be', '-f', 'au', 'pipe:1'],
  ];
}

/** Writes the bytes to an unnamed file, which disappears when this process ends in any way. */
function unnamedFile(bytes: Uint8Array): number {
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

/** Parses a stream of a Sun audio file with big-endian floats. */
async function* blocksOf(chunks: AsyncIterable<Buffer>, name: string): AsyncGenerator<AudioBlock, void, undefined> {
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
    if (seconds > MAX_SECONDS) {
      throw new EmotionError('ERR_AUDIO_TOO_LONG', `${name} is longer than ${MAX_SECONDS} s`);
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

/** Returns undefined if more bytes are needed. */
function readHeader(bytes: Buffer, name: string): AuHeader | undefined {
  if (bytes.length < 24) return undefined;
  const [size, encoding, sampleRate, channels] = [4, 12, 16, 20].map((at) => bytes.readUInt32BE(at)) as [
    number,
    number,
    number,
    number,
  ];
  const valid =
    bytes.toString('latin1', 0, 4) === '.snd' &&
    encoding === 6 &&
    size >= 24 &&
    size <= 65_536 &&
    sampleRate >= limits.sampleRate.min &&
    sampleRate <= limits.sampleRate.max &&
    channels >= 1 &&
    channels <= MAX_CHANNELS;
  if (!valid)
    throw new EmotionError('ERR_AUDIO_DECODE', `The output of ffmpeg for ${name} is not a valid audio stream`);
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

/** @throws EmotionError ERR_AUDIO_DECODE if ffmpeg failed */
function checkResult(result: ExitResult, name: string): void {
  const reason = reasonOf(result);
  if (reason === undefined) return;
  throw new EmotionError('ERR_AUDIO_DECODE', `ffmpeg could not decode ${name}: ${reason}`, {
    cause: new Error(reason),
  });
}

/** Returns why ffmpeg failed; undefined if it succeeded. */
function reasonOf(result: ExitResult): string | undefined {
  if ('killed' in result) return result.killed === 'silent' ? 'it wrote no output for too long' : 'it took too long';
  const { status, errors } = result;
  if (status === 0) return undefined;
  return (
    lastLine(errors) ?? (status > 128 ? `it was killed by signal ${status - 128}` : `it exited with status ${status}`)
  );
}

/** Returns ffmpeg's own error message, without the name of the file and the names of ffmpeg's components. */
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
