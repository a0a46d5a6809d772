const HEADER = 8;
/** Boxes that hold the tables of where samples lie: moov/trak/mdia/minf/stbl. */
const CONTAINERS = new Set(['trak', 'mdia', 'minf', 'stbl']);

interface Box {
  type: string;
  start: number;
  end: number;
  header: number;
}

/**
 * An MP4 with its index before the samples, so that these can be decoded as they come: most programs write the index last, when
 * they know it. Files whose index comes first already, or that are not what they should be, are given back as they are.
 * Source: ISO/IEC 14496-12, 8.2 and 8.7.5; all but the tables' offsets stays as it is.
 */
export function indexFirst(bytes: Uint8Array): Uint8Array {
  const boxes = boxesIn(bytes, 0, bytes.length);
  const index = boxes.find(({ type }) => type === 'moov');
  const samples = boxes.find(({ type }) => type === 'mdat');
  if (index === undefined || samples === undefined || index.start < samples.start) return bytes;
  const moov = bytes.slice(index.start, index.end);
  if (!moveOffsets(moov, index.header, moov.length, moov.length)) return bytes;
  const out = new Uint8Array(bytes.length);
  out.set(bytes.subarray(0, samples.start));
  out.set(moov, samples.start);
  out.set(bytes.subarray(samples.start, index.start), samples.start + moov.length);
  out.set(bytes.subarray(index.end), index.end);
  return out;
}

function boxesIn(bytes: Uint8Array, begin: number, end: number): Box[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const boxes: Box[] = [];
  for (let start = begin; start + HEADER <= end;) {
    let [size, header] = [view.getUint32(start), HEADER];
    if (size === 0) size = end - start;
    if (size === 1 && start + 16 <= end) [size, header] = [Number(view.getBigUint64(start + 8)), 16];
    if (size < header || start + size > end) break;
    const type = String.fromCharCode(...bytes.subarray(start + 4, start + 8));
    boxes.push({ type, start, end: start + size, header });
    start += size;
  }
  return boxes;
}

/** False where an offset would not fit any more. */
function moveOffsets(moov: Uint8Array, begin: number, end: number, by: number): boolean {
  const view = new DataView(moov.buffer, moov.byteOffset, moov.byteLength);
  return boxesIn(moov, begin, end).every((box) => {
    const body = box.start + box.header;
    if (CONTAINERS.has(box.type)) return moveOffsets(moov, body, box.end, by);
    if (box.type !== 'stco' && box.type !== 'co64') return true;
    const wide = box.type === 'co64';
    const count = Math.min(view.getUint32(body + 4), Math.floor((box.end - body - 8) / (wide ? 8 : 4)));
    for (let i = 0; i < count; i++) {
      const at = body + 8 + i * (wide ? 8 : 4);
      if (wide) view.setBigUint64(at, view.getBigUint64(at) + BigInt(by));
      else if (view.getUint32(at) + by > 0xffffffff) return false;
      else view.setUint32(at, view.getUint32(at) + by);
    }
    return true;
  });
}
