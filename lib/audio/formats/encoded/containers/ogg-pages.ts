import { concatBytes } from '../../../../shared/concat.js';

const HEADER = 27;
const CAPTURE = [0x4f, 0x67, 0x67, 0x53, 0];
/** Flags of a page. */
const CONTINUED = 1;
const BEGINS = 2;
const ENDS = 4;

interface Page {
  serial: number;
  flags: number;
  /** Granule position: number of samples up to the end of the last packet that ends on the page; -1 if none does. */
  granule: number;
  segments: Uint8Array;
  body: Uint8Array;
}

/** A packet of a logical stream. */
export interface OggPacket {
  data: Uint8Array;
  /** Granule position of the page, if this is the last packet that ends on it. */
  granule?: number;
  /** Whether the stream ends with this packet's page. */
  ends: boolean;
}

/** A link of a chain: the logical streams that begin together. */
export interface OggLink {
  /** The first packet of each stream, in order. */
  streams: { serial: number; head: Uint8Array }[];
  /** Yields the packets of a stream, including the first one. */
  packets: (serial: number) => Iterable<OggPacket>;
}

/** Yields the links of a chained Ogg file (several files that were concatenated). Source: RFC 3533. */
export function* oggLinks(bytes: Uint8Array, start = 0): Iterable<OggLink> {
  for (let at = start; at < bytes.length;) {
    const streams: OggLink['streams'] = [];
    let body = false;
    const begin = at;
    let end = bytes.length;
    for (const { page, from } of pages(bytes, begin)) {
      if (page.flags & BEGINS) {
        if (body) {
          end = from;
          break;
        }
        streams.push({ serial: page.serial, head: page.body.subarray(0, firstPacketSize(page)) });
      } else body = true;
    }
    if (streams.length > 0) yield { streams, packets: (serial) => packetsOf(bytes.subarray(begin, end), serial) };
    at = end;
  }
}

function* pages(bytes: Uint8Array, at: number): Iterable<{ page: Page; from: number }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  while ((at = nextPage(bytes, at)) >= 0) {
    const count = bytes[at + 26]!;
    const segments = bytes.subarray(at + HEADER, at + HEADER + count);
    const body = at + HEADER + count;
    const size = segments.reduce((sum, segment) => sum + segment, 0);
    if (segments.length < count) return;
    const granule = Number(view.getBigInt64(at + 6, true));
    const page = {
      serial: view.getUint32(at + 14, true),
      flags: bytes[at + 5]!,
      granule,
      segments,
      body: bytes.subarray(body, body + size),
    };
    yield { page, from: at };
    at = body + size;
  }
}

/** Returns the position of the next page at or after `at`; -1 if there is none. Other data before it is skipped. */
function nextPage(bytes: Uint8Array, at: number): number {
  for (; at + HEADER <= bytes.length; at++) {
    at = bytes.indexOf(CAPTURE[0]!, at);
    if (at < 0) return -1;
    if (at + HEADER <= bytes.length && CAPTURE.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}

function firstPacketSize({ segments }: Page): number {
  let size = 0;
  for (const segment of segments) {
    size += segment;
    if (segment < 255) break;
  }
  return size;
}

function* packetsOf(bytes: Uint8Array, serial: number): Iterable<OggPacket> {
  let open: Uint8Array[] = [];
  let waiting: OggPacket | undefined; // until it is known whether the stream continues
  for (const { page } of pages(bytes, 0)) {
    if (page.serial !== serial) continue;
    let at = 0;
    let begin = 0;
    const complete: Uint8Array[] = [];
    const continued = (page.flags & CONTINUED) !== 0;
    if (!continued) open = [];
    let lost = continued && open.length === 0; // the beginning of the packet is missing
    for (const segment of page.segments) {
      at += segment;
      if (segment === 255) continue;
      const piece = page.body.subarray(begin, at);
      if (!lost) complete.push(open.length === 0 ? piece : concatBytes([...open, piece]));
      lost = false;
      open = [];
      begin = at;
    }
    if (begin < at && !lost) open.push(page.body.subarray(begin, at));
    for (const [i, data] of complete.entries()) {
      if (waiting !== undefined) yield waiting;
      waiting = { data, ends: false };
      if (i === complete.length - 1) {
        if (page.granule >= 0) waiting.granule = page.granule;
        waiting.ends = (page.flags & ENDS) !== 0;
      }
    }
  }
  if (waiting !== undefined) yield { ...waiting, ends: true };
}
