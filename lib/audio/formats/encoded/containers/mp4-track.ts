import { all, type Box, boxesIn, find, latin1, viewOf } from './mp4-boxes.js';

/** The sample entry of a track: how its samples are coded. */
export interface SampleEntry {
  /** Four-character code, such as `mp4a` or `alac`. */
  type: string;
  channels: number;
  bits: number;
  /** In Hz. */
  sampleRate: number;
  /** Format flags of `lpcm`, in version 2 of QuickTime's sound description. */
  flags: number;
  boxes: Box[];
}

export interface AudioTrack {
  id: number;
  entry: SampleEntry;
  enabled: boolean;
  /** Units of the track's clock per second. */
  timescale: number;
  /** Edit list: seconds to skip at the start, and the length of the clip in seconds. */
  edit: { skip: number; length: number | undefined };
  /** Whether the edit list has more than one part. */
  edited: boolean;
  stbl: Box[];
}

/** Returns the audio tracks. Source: ISO/IEC 14496-12, 8.3 to 8.6; QuickTime File Format. */
export function audioTracks(moov: Box): AudioTrack[] {
  const header = find(boxesIn(moov.body), 'mvhd')?.body;
  const movieScale = header === undefined ? 1 : wordAt(header, header[0] === 1 ? 20 : 12) || 1;
  return all(boxesIn(moov.body), 'trak').flatMap((trak) => readTrack([...boxesIn(trak.body)], movieScale) ?? []);
}

function readTrack(boxes: Box[], movieScale: number): AudioTrack | undefined {
  const handler = find(boxes, 'mdia', 'hdlr')?.body;
  const stbl = find(boxes, 'mdia', 'minf', 'stbl');
  if (handler === undefined || latin1(handler.subarray(8, 12)) !== 'soun' || stbl === undefined) return undefined;
  const tables = [...boxesIn(stbl.body)];
  const description = find(tables, 'stsd')?.body;
  const entry = description && readEntry(description);
  if (entry === undefined) return undefined;
  const [tkhd, mdhd] = [find(boxes, 'tkhd')?.body, find(boxes, 'mdia', 'mdhd')?.body];
  const timescale = (mdhd && wordAt(mdhd, mdhd[0] === 1 ? 20 : 12)) || entry.sampleRate || 1;
  const list = find(boxes, 'edts', 'elst')?.body;
  const edits = list === undefined ? [] : readEdits(list);
  const [first] = edits;
  const skip = Math.max(0, (first?.time ?? 0) / timescale);
  const length = first !== undefined && first.length > 0 ? first.length / movieScale : undefined;
  return {
    id: (tkhd && wordAt(tkhd, tkhd[0] === 1 ? 20 : 12)) ?? 0,
    entry,
    enabled: tkhd === undefined || (tkhd[3]! & 1) !== 0,
    timescale,
    edit: { skip, length },
    edited: edits.length > 1,
    stbl: tables,
  };
}

/** Reads the edit list. Empty edits, which delay the start of the track, are ignored, as in players. */
function readEdits(list: Uint8Array): { time: number; length: number }[] {
  const view = viewOf(list);
  const wide = list[0] === 1;
  const width = wide ? 20 : 12;
  const count = Math.min(wordAt(list, 4) ?? 0, Math.floor((list.length - 8) / width));
  return Array.from({ length: Math.max(0, count) }, (_, i) => {
    const at = 8 + i * width;
    const length = wide ? Number(view.getBigUint64(at)) : view.getUint32(at);
    const time = wide ? Number(view.getBigInt64(at + 8)) : view.getInt32(at + 4);
    return { time, length };
  }).filter(({ time }) => time >= 0);
}

function readEntry(description: Uint8Array): SampleEntry | undefined {
  const box = find(boxesIn(description.subarray(8)), latin1(description.subarray(12, 16)));
  if (box === undefined || box.body.length < 28) return undefined;
  const { type, body } = box;
  const view = viewOf(body);
  const version = view.getUint16(8);
  let head = version === 1 ? 44 : 28;
  let [channels, bits, sampleRate, flags] = [view.getUint16(16), view.getUint16(18), view.getUint32(24) / 65536, 0];
  if (version === 2 && body.length >= 64) {
    [sampleRate, channels, bits, flags] = [
      view.getFloat64(32),
      view.getUint32(40),
      view.getUint32(48),
      view.getUint32(52),
    ];
    head = Math.max(64, view.getUint32(28) - 8);
  }
  const boxes = [...boxesIn(body.subarray(head))];
  const wave = boxes.find((inner) => inner.type === 'wave');
  if (wave !== undefined) boxes.push(...boxesIn(wave.body));
  return { type, channels, bits, sampleRate, flags, boxes };
}

/** Reads 32 bits; returns undefined beyond the end. */
function wordAt(bytes: Uint8Array, at: number): number | undefined {
  return at + 4 <= bytes.length ? viewOf(bytes).getUint32(at) : undefined;
}

/** Reads iTunes' gapless information (iTunSMPB): priming samples of an AAC stream, and the length of the clip in samples. */
export function readGapless(moov: Box): { skip: number; length: number } | undefined {
  for (const meta of all(boxesIn(moov.body), 'udta', 'meta')) {
    for (const list of all(boxesIn(meta.body.subarray(4)), 'ilst', '----')) {
      const text = latin1(list.body);
      if (!text.includes('iTunSMPB')) continue;
      const found = /\0 [0-9A-F]{8} ([0-9A-F]{8}) ([0-9A-F]{8}) ([0-9A-F]{16})/.exec(text);
      if (found !== null) return { skip: parseInt(found[1]!, 16), length: parseInt(found[3]!, 16) };
    }
  }
  return undefined;
}
