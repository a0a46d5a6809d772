import { existsSync } from 'node:fs';
import path from 'node:path';

import { concatFloats } from '../../lib/shared/concat.js';
import type { FileMaker, OracleCase } from './case.js';
import { type Difference, difference, monoOf } from './compare.js';
import { type Interleaved, fileMakerIn, referenceOf } from './file-maker.js';

/**
 * Decodes a clip with the library that is measured, to one channel at the clip's rate or another.
 * @throws EmotionError
 */
export type Decode = (
  file: string,
  options: { decoder: 'auto' | 'builtin'; rate?: number },
) => Promise<{ samples: Float32Array; sampleRate: number }>;

export type Verdict = 'equal' | 'wrong' | 'refused' | 'failed' | 'not made';

export interface Row extends Partial<Difference> {
  case: OracleCase;
  verdict: Verdict;
  /** What is wrong, why the file was refused, or why it could not be made. */
  why: string;
  /** The decoder: ffmpeg if the built-in decoders refuse the file. */
  by?: 'builtin' | 'ffmpeg';
}

/** Tolerances of lossless and lossy formats. */
const TOLERANCE = { correlation: { lossless: 0.999, lossy: 0.98 }, level: 0.3 };

/** Makes each file that does not exist in the folder, and compares the decoded samples with the expected ones. */
export async function measure(
  cases: readonly OracleCase[],
  folder: string,
  decode: Decode,
  onRow: (row: Row) => void = () => undefined,
): Promise<Row[]> {
  const maker = fileMakerIn(folder);
  const rows: Row[] = [];
  const waiting = cases.map((one, i) => [i, one] as const);
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [i, one] = next;
      const row = await measureOne(one, maker, folder, decode);
      rows[i] = row;
      onRow(row);
    }
  };
  await Promise.all([work(), work()]); // two, so that a tool and the library can run at the same time
  return rows;
}

async function measureOne(one: OracleCase, maker: FileMaker, folder: string, decode: Decode): Promise<Row> {
  const file = path.join(folder, one.file);
  let expected: Interleaved;
  try {
    if (!existsSync(file)) await one.make(maker, file);
    expected = await expectedSamples(one, file, maker);
    if (expected.samples.length === 0 && one.never === undefined) throw new Error('the reference contains no samples');
  } catch (error) {
    return { case: one, verdict: 'not made', why: (error as Error).message };
  }
  const own = await compare(
    one,
    expected,
    (rate) => decode(file, { decoder: 'builtin', ...(rate && { rate }) }),
    folder,
  );
  if (own.verdict !== 'refused' || one.never !== undefined) return { case: one, by: 'builtin', ...own };
  const other = await compare(
    one,
    expected,
    (rate) => decode(file, { decoder: 'auto', ...(rate && { rate }) }),
    folder,
  );
  return { case: one, by: 'ffmpeg', ...other, ...(other.verdict === 'refused' && { why: own.why }) };
}

async function compare(
  one: OracleCase,
  expected: Interleaved,
  decode: (rate?: number) => ReturnType<Decode>,
  folder: string,
): Promise<Omit<Row, 'case'>> {
  let decoded: Awaited<ReturnType<Decode>>;
  try {
    decoded = await decode();
    if (one.never !== undefined) return { verdict: 'wrong', why: `must be refused: ${one.never}` };
    // An AAC decoder may output twice the rate.
    if (decoded.sampleRate !== expected.rate && !one.lossless) decoded = await decode(expected.rate);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const why = message.replaceAll(folder, '').split('\n')[0]!.slice(0, 160);
    if (code === 'ERR_AUDIO_DECODE') return { verdict: 'refused', why };
    return { verdict: 'failed', why: `${code}: ${why}` };
  }
  const slack = one.lossless ? 0 : one.frame;
  const found = difference(decoded.samples, monoOf(expected.samples, expected.channels), slack, one.parts);
  const wrong = [
    decoded.sampleRate !== expected.rate && `rate ${decoded.sampleRate}, not ${expected.rate}`,
    !(found.correlation >= TOLERANCE.correlation[one.lossless ? 'lossless' : 'lossy']) && 'correlation',
    !(Math.abs(found.level) <= TOLERANCE.level) && 'level',
    Math.abs(found.length) > one.frame * (one.parts ?? 1) && 'length',
  ].filter((what) => what !== false);
  return { ...found, verdict: wrong.length === 0 ? 'equal' : 'wrong', why: wrong.join(', ') };
}

async function expectedSamples(one: OracleCase, file: string, maker: FileMaker): Promise<Interleaved> {
  const { reference, never, parts } = one;
  if (never !== undefined) return { samples: new Float32Array(), rate: 0, channels: 1 };
  if (typeof reference !== 'string') {
    return { ...reference, samples: await maker.samples(reference.rate, reference.channels) };
  }
  if (parts === undefined) return referenceOf(existsSync(`${file}.0`) ? `${file}.0` : file, reference);
  const first = await referenceOf(`${file}.0`, reference);
  const clips = [monoOf(first.samples, first.channels)];
  for (let i = 1; i < parts; i++) {
    const { samples, channels } = await referenceOf(`${file}.${i}`, reference, first.rate);
    clips.push(monoOf(samples, channels));
  }
  return { samples: concatFloats(clips), rate: first.rate, channels: 1 };
}
