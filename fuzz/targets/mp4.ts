import { indexFirst } from '../../lib/audio/formats/encoded/mp4.js';
import { type FuzzTarget, filesIn } from '../target.js';

/** What is put first is still the same file: as long, and of the same bytes but for the tables' offsets. */
export const target: FuzzTarget = {
  seeds: () => [...filesIn('test/fixtures', '.m4a', '.mp4', '.mov'), indexLast()],
  dictionary: ['ftyp', 'moov', 'mdat', 'trak', 'mdia', 'minf', 'stbl', 'stco', 'co64', 'free', '\x00\x00\x00\x01'],
  maxBytes: 16_384,
  fuzz(data) {
    const before = Buffer.from(data);
    const out = indexFirst(data);
    if (!before.equals(data)) throw new Error('the input was changed');
    if (out.length !== data.length) throw new Error(`${out.length} of ${data.length} bytes`);
    const again = indexFirst(out);
    if (!Buffer.from(again).equals(out)) throw new Error('what has its index first is changed again');
  },
};

/** A file of four boxes, three of them within each other, with two offsets. */
function indexLast(): Buffer {
  const box = (type: string, ...parts: Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    const header = Buffer.alloc(8);
    header.writeUInt32BE(8 + body.length);
    header.write(type, 4, 'latin1');
    return Buffer.concat([header, body]);
  };
  const offsets = Buffer.from([0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 24, 0, 0, 0, 28]);
  const table = box('trak', box('mdia', box('minf', box('stbl', box('stco', offsets)))));
  return Buffer.concat([box('ftyp', Buffer.from('M4A \0\0\0\0')), box('mdat', Buffer.alloc(8)), box('moov', table)]);
}
