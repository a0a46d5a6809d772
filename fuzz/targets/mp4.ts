import { type FuzzTarget, filesIn } from '../target.js';
import { decodeWhole, target as audio } from './audio.js';

const ENDINGS = ['.m4a', '.mp4', '.mov', '.3gp'];
/** Boxes that hold boxes. */
const CONTAINERS = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl', 'edts', 'dinf', 'mvex', 'moof', 'traf', 'udta']);
/** What fields of 32 bits are more often wrong about than about anything else. */
const CLAIMS = [0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff];

/** The boxes of MP4 and its kin: their sizes, their tables and what these claim. */
export const target: FuzzTarget = {
  ...audio,
  seeds: () =>
    ['test/fixtures', 'fuzz/seeds/audio', '../shared/cases/audio'].flatMap((folder) => filesIn(folder, ...ENDINGS)),
  dictionary: [
    ...CONTAINERS,
    'mdat',
    'mp4a',
    'esds',
    'stsd',
    'stco',
    'co64',
    'stsc',
    'stsz',
    'stts',
    'elst',
    'trun',
    'tfhd',
  ],
  fuzz: decodeWhole,
  /** A field of a box, a box twice, or without it. */
  mutate(data, random) {
    const boxes = [...boxesIn(data, 0, data.length)];
    const below = (end: number): number => Math.floor(random() * end);
    const box = boxes[below(boxes.length)];
    if (box === undefined) return data;
    const kind = below(4);
    if (kind === 0) return Buffer.concat([data.subarray(0, box.start), data.subarray(box.end)]);
    if (kind === 1) return Buffer.concat([data.subarray(0, box.end), data.subarray(box.start)]);
    const fields = Math.min(16, Math.floor((box.end - box.start) / 4));
    const value = kind === 2 ? CLAIMS[below(CLAIMS.length)]! : below(2 ** (1 + below(32)));
    data.writeUInt32BE(value >>> 0, box.start + 4 * below(fields));
    return data;
  },
};

function* boxesIn(data: Buffer, begin: number, end: number): Iterable<{ start: number; end: number }> {
  for (let start = begin; start + 8 <= end;) {
    const size = data.readUInt32BE(start);
    if (size < 8 || start + size > end) return;
    yield { start, end: start + size };
    if (CONTAINERS.has(data.toString('latin1', start + 4, start + 8))) yield* boxesIn(data, start + 8, start + size);
    start += size;
  }
}
