/** Lossy codecs of the installed ffmpeg. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer, text } from 'node:stream/consumers';

import { decodeAudio } from '../audio/decode.js';
import { findFfmpeg } from '../audio/ffmpeg/program.js';
import type { Pcm } from '../audio/pcm.js';
import { EmotionError } from '../shared/errors.js';
import { shown } from '../shared/text.js';

export interface Encoding {
  name: string;
  kbits: number;
  encoder: string;
  args: readonly string[];
}

/** Common encodings of speech, at bit rates that are low enough to degrade it. */
export const ENCODINGS: readonly Encoding[] = [
  ...[32, 16].map((kbits) => ({ name: 'MP3', kbits, encoder: 'libmp3lame', args: ['-f', 'mp3'] })),
  ...[16, 8].map((kbits) => ({
    name: 'Opus',
    kbits,
    encoder: 'libopus',
    args: ['-application', 'voip', '-f', 'ogg'],
  })),
];

/** Returns the names of ffmpeg's audio encoders, or `undefined` if there is no ffmpeg. */
export async function ffmpegEncoders(): Promise<Set<string> | undefined> {
  try {
    const { stdout } = await ffmpeg(['-encoders']);
    return new Set([...stdout.toString().matchAll(/^ A\S* (\S+)/gm)].map(([, name]) => name!));
  } catch {
    return undefined;
  }
}

/**
 * Encodes a clip with ffmpeg and decodes it with this package.
 * @throws EmotionError ERR_AUDIO_DECODE
 */
export async function encodeAndDecode(clip: Pcm, { name, kbits, encoder, args }: Encoding): Promise<Pcm> {
  const { samples, sampleRate } = clip;
  const input = ['-f', 'f32le', '-ar', `${sampleRate}`, '-ac', '1', '-i', 'pipe:0'];
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  const { status, stdout, stderr } = await ffmpeg(
    [...input, '-c:a', encoder, '-b:a', `${kbits}k`, ...args, 'pipe:1'],
    bytes,
  );
  if (status !== 0) {
    const reason = stderr.trim().split('\n').at(-1) ?? '';
    throw new EmotionError('ERR_AUDIO_DECODE', `ffmpeg could not encode the clip as ${name}: ${shown(reason)}`);
  }
  const { pcm, lease } = await decodeAudio(stdout, { rate: sampleRate, name: `The ${name}` });
  lease.release(); // the audio does not wait in the queue of the model
  return pcm;
}

/** @throws the error of spawn if there is no ffmpeg */
async function ffmpeg(
  args: readonly string[],
  input: Uint8Array = new Uint8Array(),
): Promise<{ status: number; stdout: Buffer; stderr: string }> {
  const child = spawn(findFfmpeg() ?? 'ffmpeg', ['-hide_banner', '-loglevel', 'error', ...args]);
  child.stdin.on('error', () => undefined); // ffmpeg may end before it has read all input; its exit status shows why
  child.stdin.end(input);
  const [[status], stdout, stderr] = await Promise.all([
    once(child, 'close') as Promise<[number]>,
    buffer(child.stdout),
    text(child.stderr),
  ]);
  return { status, stdout, stderr };
}
