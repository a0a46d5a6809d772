import { all, type Box, boxesIn, viewOf } from './mp4-boxes.js';

/** Byte range of a sample in the file. MP4 calls a packet a sample. */
export interface SampleRange {
  start: number;
  size: number;
}

/** The entries of a table, limited to those that its box has room for. */
interface Table {
  count: number;
  at: (index: number) => number;
}

function table(box: Uint8Array, start: number, width: 4 | 8 | 12): Table {
  const view = viewOf(box);
  const room = Math.max(0, Math.floor((box.length - start) / width));
  const count = start <= box.length ? Math.min(view.getUint32(start - 4), room) : 0;
  return {
    count,
    at: (index) => (width === 8 ? Number(view.getBigUint64(start + index * 8)) : view.getUint32(start + index * width)),
  };
}

/**
 * Yields the samples that a track's tables describe. Source: ISO/IEC 14496-12, 8.7.
 * @param maxCount maximum number of samples. A file cannot have more samples than bytes.
 */
export function* tableSamples(stbl: readonly Box[], maxCount: number): Iterable<SampleRange> {
  const box = (type: string) => stbl.find((other) => other.type === type)?.body;
  const [sizes, chunks, runs] = [box('stsz'), box('co64') ?? box('stco'), box('stsc')];
  if (sizes === undefined || sizes.length < 12 || chunks === undefined || runs === undefined) return;
  const same = viewOf(sizes).getUint32(4);
  const each = table(sizes, 12, 4);
  const count = same > 0 ? Math.min(viewOf(sizes).getUint32(8), maxCount) : each.count;
  const offsets = table(chunks, 8, box('co64') === undefined ? 4 : 8);
  const firsts = table(runs, 8, 12);
  const runView = viewOf(runs);
  let sample = 0;
  let run = 0;
  for (let chunk = 0; chunk < offsets.count && sample < count; chunk++) {
    while (run + 1 < firsts.count && firsts.at(run + 1) <= chunk + 1) run++;
    const inChunk = firsts.count === 0 ? 1 : runView.getUint32(8 + run * 12 + 4);
    let start = offsets.at(chunk);
    for (let i = 0; i < inChunk && sample < count; i++, sample++) {
      const size = same || each.at(sample);
      if (size > 0) yield { start, size };
      start += size;
    }
  }
}

/**
 * Yields the samples that movie fragments describe for a track. Source: ISO/IEC 14496-12, 8.8.
 * @param defaultSize the size of samples for which a fragment states none
 */
export function* fragmentSamples(bytes: Uint8Array, trackId: number, defaultSize: number): Iterable<SampleRange> {
  for (const moof of boxesIn(bytes)) {
    if (moof.type !== 'moof') continue;
    const base = moof.at - 8;
    for (const { body } of all(boxesIn(moof.body), 'traf'))
      yield* trackSamples([...boxesIn(body)], base, trackId, defaultSize, bytes.length);
  }
}

function* trackSamples(
  boxes: Box[],
  moof: number,
  trackId: number,
  defaultSize: number,
  maxCount: number,
): Iterable<SampleRange> {
  const header = boxes.find(({ type }) => type === 'tfhd')?.body;
  if (header === undefined || header.length < 8 || viewOf(header).getUint32(4) !== trackId) return;
  const fields = new Fields(header);
  fields.at = 8;
  const base = fields.has(1) ? fields.long() : moof;
  if (fields.has(2)) fields.word();
  if (fields.has(8)) fields.word();
  const size = fields.has(16) ? fields.word() : defaultSize;
  let next = base;
  for (const { type, body } of boxes) {
    if (type !== 'trun' || body.length < 8) continue;
    const run = new Fields(body);
    run.at = 4;
    const count = Math.min(run.word(), maxCount);
    let start = run.has(1) ? base + (run.word() | 0) : next;
    if (run.has(4)) run.word();
    const own = run.has(0x200);
    for (let i = 0; i < count && (!own || run.left > 0); i++) {
      if (run.has(0x100)) run.word();
      const each = own ? run.word() : size;
      if (run.has(0x400)) run.word();
      if (run.has(0x800)) run.word();
      if (each > 0) yield { start, size: each };
      start += each;
    }
    next = start;
  }
}

/** Reads the fields of a box. Its flags state which optional fields are present. */
class Fields {
  at = 0;
  readonly #view: DataView;
  readonly #flags: number;

  constructor(bytes: Uint8Array) {
    this.#view = viewOf(bytes);
    this.#flags = this.#view.getUint32(0) & 0xffffff;
  }

  get left(): number {
    return this.#view.byteLength - this.at;
  }

  has(flag: number): boolean {
    return (this.#flags & flag) !== 0;
  }

  /** Reads 32 bits; returns 0 beyond the end. */
  word(): number {
    this.at += 4;
    return this.at <= this.#view.byteLength ? this.#view.getUint32(this.at - 4) : 0;
  }

  long(): number {
    return this.word() * 2 ** 32 + this.word();
  }
}
