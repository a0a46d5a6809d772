import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { fixture } from '../support/paths.js';
import { type FileMaker, QUIET, type Reference, type SourceBits } from './case.js';
import { makeWav } from './make-wav.js';

const execute = promisify(execFile);

/** Delay of each channel of the speech relative to the previous one in seconds, and its relative level. */
const CHANNEL_DELAY = 0.007;
const CHANNEL_GAIN = 0.85;

/**
 * Runs a program.
 * @throws Error with its last line of output if it fails
 */
export async function run(
  tool: string,
  args: readonly string[],
  options: { cwd?: string; encoding?: 'buffer' } = {},
): Promise<Buffer> {
  const { stdout } = await execute(tool, [...args], { ...options, maxBuffer: 2 ** 30, encoding: 'buffer' }).catch(
    (error: Error & { stderr?: Buffer }) => {
      const line = error.stderr?.toString().trim().split('\n').at(-1) ?? '';
      throw new Error(`${tool}: ${line === '' ? error.message : line}`);
    },
  );
  return stdout;
}

/** Returns a maker of files in a folder. Files that exist are not made again. */
export function fileMakerIn(folder: string): FileMaker {
  const speech = new Map<string, Promise<unknown>>();
  const once = <T>(key: string, make: () => Promise<T>): Promise<T> => {
    if (!speech.has(key)) speech.set(key, make());
    return speech.get(key) as Promise<T>;
  };
  const mono = (rate: number): Promise<Float32Array> =>
    once(`mono ${rate}`, async () => {
      const args = [...QUIET, '-i', fixture('speech.wav'), '-ar', `${rate}`, '-f', 'f32le', '-'];
      const raw = await run('ffmpeg', args);
      return new Float32Array(Uint8Array.from(raw).buffer);
    });
  const samples = (rate: number, channels: number): Promise<Float32Array> =>
    once(`${rate} ${channels}`, async () => {
      const one = await mono(rate);
      const all = new Float32Array(one.length * channels);
      for (let c = 0; c < channels; c++) {
        const late = Math.round(c * CHANNEL_DELAY * rate);
        for (let i = late; i < one.length; i++) all[i * channels + c] = one[i - late]! * CHANNEL_GAIN ** c;
      }
      return all;
    });
  const source = (rate: number, channels: number, bits: SourceBits = 16): Promise<string> =>
    once(`${rate} ${channels} ${bits}`, async () => {
      const file = path.join(folder, `source-${rate}-${channels}-${bits}.wav`);
      if (existsSync(file)) return file;
      const depth = bits === 'u8' ? 8 : bits;
      const wav = makeWav(await samples(rate, channels), { rate, channels, bits: depth, float: bits === 32 });
      await writeFile(`${file}.part`, wav);
      await rename(`${file}.part`, file);
      return file;
    });
  return {
    run: async (tool, args) => void (await run(tool, args, { cwd: folder })),
    source,
    samples,
  };
}

/** Interleaved samples of all channels. */
export interface Interleaved {
  samples: Float32Array;
  rate: number;
  channels: number;
}

/** Decodes a file with a tool, at the file's rate or another. */
export async function referenceOf(file: string, by: Reference, rate?: number): Promise<Interleaved> {
  if (by === 'sndfile') {
    const au = `${file}.reference.au`; // integers, because sndfile-convert normalizes floats
    await run('sndfile-convert', ['-pcm32', '-endian=big', file, au]);
    return readAu(readFileSync(au));
  }
  if (by === 'sox') return readAu(await run('sox', [file, '-e', 'float', '-b', '32', '-t', 'au', '-']));
  const decoder = by === 'ffmpeg' ? [] : ['-c:a', by];
  const output = [...(rate === undefined ? [] : ['-ar', `${rate}`]), '-c:a', 'pcm_f32be', '-f', 'au', '-'];
  return readAu(await run('ffmpeg', [...QUIET, ...decoder, '-i', `file:${file}`, '-map', '0:a:0', ...output]));
}

/** Reads a Sun audio file with big-endian 32-bit integers or floats. */
function readAu(bytes: Buffer): Interleaved {
  const start = bytes.readUInt32BE(4);
  const float = bytes.readUInt32BE(12) === 6;
  const samples = new Float32Array((bytes.length - start) >> 2);
  for (let i = 0; i < samples.length; i++) {
    const at = start + 4 * i;
    samples[i] = float ? bytes.readFloatBE(at) : bytes.readInt32BE(at) / 2 ** 31;
  }
  return { samples, rate: bytes.readUInt32BE(16), channels: bytes.readUInt32BE(20) };
}
