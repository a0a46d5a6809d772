import { existsSync } from 'node:fs';
import path from 'node:path';

import type { Kitchen, OracleCase } from './case.js';
import { type Difference, difference, monoOf } from './compare.js';
import { type Interleaved, kitchenIn, referenceOf } from './file-maker.js';

/** A clip in one channel at its own rate, or at another, by the library that is measured. @throws EmotionError */
export type Decode = (
  file: string,
  options: { decoder: 'auto' | 'builtin'; rate?: number },
) => Promise<{ samples: Float32Array; sampleRate: number }>;

export type Verdict = 'equal' | 'wrong' | 'refused' | 'failed' | 'not made';

export interface Row extends Partial<Difference> {
  case: OracleCase;
  verdict: Verdict;
  /** What is wrong, why it was refused, why it could not be made. */
  why: string;
  /** Who decoded it: ffmpeg, where what is built in refuses it. */
  by?: 'builtin' | 'ffmpeg';
}

/** What may differ, of formats that keep samples and of those that do not. */
const TOLERANCE = { correlation: { lossless: 0.999, lossy: 0.98 }, level: 0.3 };

/** Makes each file in the folder, where it is not there, and holds our samples against the right ones. */
export async function measure(
  cases: readonly OracleCase[],
  folder: string,
  decode: Decode,
  onRow: (row: Row) => void = () => undefined,
): Promise<Row[]> {
  const kitchen = kitchenIn(folder);
  const rows: Row[] = [];
  const waiting = cases.map((one, i) => [i, one] as const);
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [i, one] = next;
      const row = await measureOne(one, kitchen, folder, decode);
      rows[i] = row;
      onRow(row);
    }
  };
  await Promise.all([work(), work()]); // two: the tools and we take turns
  return rows;
}

async function measureOne(one: OracleCase, kitchen: Kitchen, folder: string, decode: Decode): Promise<Row> {
  const file = path.join(folder, one.file);
  let right: Interleaved;
  try {
    if (!existsSync(file)) await one.make(kitchen, file);
    right = await rightOf(one, file, kitchen);
    if (right.samples.length === 0 && one.never === undefined) throw new Error('the reference holds no samples');
  } catch (error) {
    return { case: one, verdict: 'not made', why: (error as Error).message };
  }
  const own = await compare(one, right, (rate) => decode(file, { decoder: 'builtin', ...(rate && { rate }) }), folder);
  if (own.verdict !== 'refused' || one.never !== undefined) return { case: one, by: 'builtin', ...own };
  const other = await compare(one, right, (rate) => decode(file, { decoder: 'auto', ...(rate && { rate }) }), folder);
  return { case: one, by: 'ffmpeg', ...other, ...(other.verdict === 'refused' && { why: own.why }) };
}

async function compare(
  one: OracleCase,
  right: Interleaved,
  decode: (rate?: number) => ReturnType<Decode>,
  folder: string,
): Promise<Omit<Row, 'case'>> {
  let ours: Awaited<ReturnType<Decode>>;
  try {
    ours = await decode();
    if (one.never !== undefined) return { verdict: 'wrong', why: `must be refused: ${one.never}` };
    // a decoder of AAC may give twice the rate
    if (ours.sampleRate !== right.rate && !one.lossless) ours = await decode(right.rate);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const why = message.replaceAll(folder, '').split('\n')[0]!.slice(0, 160);
    if (code === 'ERR_AUDIO_DECODE') return { verdict: 'refused', why };
    return { verdict: 'failed', why: `${code}: ${why}` };
  }
  const slack = one.lossless ? 0 : one.frame;
  const found = difference(ours.samples, monoOf(right.samples, right.channels), slack, one.parts);
  const wrong = [
    ours.sampleRate !== right.rate && `rate ${ours.sampleRate}, not ${right.rate}`,
    !(found.correlation >= TOLERANCE.correlation[one.lossless ? 'lossless' : 'lossy']) && 'correlation',
    !(Math.abs(found.level) <= TOLERANCE.level) && 'level',
    Math.abs(found.length) > one.frame * (one.parts ?? 1) && 'length',
  ].filter((what) => what !== false);
  return { ...found, verdict: wrong.length === 0 ? 'equal' : 'wrong', why: wrong.join(', ') };
}

async function rightOf(one: OracleCase, file: string, kitchen: Kitchen): Promise<Interleaved> {
  const { reference, never, parts } = one;
  if (never !== undefined) return { samples: new Float32Array(), rate: 0, channels: 1 };
  if (typeof reference !== 'string') {
    return { ...reference, samples: await kitchen.samples(reference.rate, reference.channels) };
  }
  if (parts === undefined) return referenceOf(existsSync(`${file}.0`) ? `${file}.0` : file, reference);
  const first = await referenceOf(`${file}.0`, reference);
  const clips = [monoOf(first.samples, first.channels)];
  for (let i = 1; i < parts; i++) {
    const { samples, channels } = await referenceOf(`${file}.${i}`, reference, first.rate);
    clips.push(monoOf(samples, channels));
  }
  return { samples: Float32Array.from(clips.flatMap((clip) => [...clip])), rate: first.rate, channels: 1 };
}
