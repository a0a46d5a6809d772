import { UnsupportedFormatError } from '../../../decode-errors.js';
import type { AudioBlock } from '../../audio-block.js';
import { AacCodec, readAacConfig } from '../codecs/aac.js';
import { openAlac } from '../codecs/alac.js';
import { openAmr } from '../codecs/amr.js';
import type { Codec, Packet } from '../codecs/codec.js';
import { FlacCodec, readMetadata } from '../codecs/flac.js';
import { decodeMp3 } from '../codecs/mp3.js';
import { openOpus, readOpusBox } from '../codecs/opus.js';
import { pcmCodec, type PcmLayout } from '../codecs/pcm.js';
import { decodePackets } from '../packets.js';
import { boxesIn, find } from './mp4-boxes.js';
import { fragmentSamples, type SampleRange, tableSamples } from './mp4-samples.js';
import { type AudioTrack, audioTracks, readGapless, type SampleEntry } from './mp4-track.js';

/** Number of bytes of uncompressed samples that are decoded at once. */
const CHUNK_BYTES = 65_536;
/** Object type indications in `esds`. */
const AAC = new Set([0x40, 0x66, 0x67, 0x68]);
const MPEG = new Set([0x69, 0x6b]);
const NAMES: Record<string, string> = {
  'ac-3': 'AC-3',
  'ec-3': 'E-AC-3',
  dtsc: 'DTS',
  dtse: 'DTS',
  dtsh: 'DTS',
  dtsl: 'DTS',
  sqcp: 'QCELP',
  ima4: 'IMA ADPCM',
  mlpa: 'TrueHD',
};
const PCM: Record<string, Pick<PcmLayout, 'kind' | 'littleEndian'> & { bits?: number }> = {
  sowt: { kind: 'signed', littleEndian: true },
  twos: { kind: 'signed', littleEndian: false },
  in24: { kind: 'signed', littleEndian: false, bits: 24 },
  in32: { kind: 'signed', littleEndian: false, bits: 32 },
  fl32: { kind: 'float', littleEndian: false, bits: 32 },
  fl64: { kind: 'float', littleEndian: false, bits: 64 },
  ipcm: { kind: 'signed', littleEndian: false },
  fpcm: { kind: 'float', littleEndian: false },
  alaw: { kind: 'alaw', littleEndian: false, bits: 8 },
  ulaw: { kind: 'mulaw', littleEndian: false, bits: 8 },
  'raw ': { kind: 'unsigned', littleEndian: false },
};

/**
 * Decodes the audio of an MP4, M4A, MOV or 3GP file. Of several tracks, the one that players choose is decoded.
 * @throws UnsupportedFormatError if the codec is not supported; Error if the file is encrypted or has no audio
 */
export async function* decodeMp4(bytes: Uint8Array): AsyncIterable<AudioBlock> {
  const moov = find(boxesIn(bytes), 'moov');
  if (moov === undefined) throw new Error('the MP4 file is truncated: it has no index (moov box)');
  const track = choose(audioTracks(moov));
  if (track === undefined) throw new Error('the MP4 file has no audio track');
  const { entry } = track;
  if (entry.type === 'enca' || entry.type === 'drms' || entry.boxes.some(({ type }) => type === 'sinf')) {
    throw new Error('it is encrypted');
  }
  if (track.edited) throw new UnsupportedFormatError('MP4 with an edit list of several parts');
  const trex = find(boxesIn(moov.body), 'mvex', 'trex')?.body;
  const samples = samplesOf(bytes, track, trex);
  const { type } = entry;
  if (type === '.mp3' || (type === 'mp4a' && MPEG.has(objectType(entry)))) {
    const trim = {
      skip: inSamples(track.edit.skip, entry.sampleRate) ?? 0,
      length: inSamples(track.edit.length, entry.sampleRate),
    };
    yield* decodeMp3(joined(bytes, samples), trim);
    return;
  }
  const codec = await openCodec(entry);
  const gapless = track.edit.skip === 0 && track.edit.length === undefined ? readGapless(moov) : undefined;
  const raw = type in PCM || type === 'lpcm' || type === 'NONE';
  const skip = gapless?.skip ?? inSamples(track.edit.skip, codec.sampleRate) ?? 0;
  const length = gapless?.length ?? inSamples(track.edit.length, codec.sampleRate);
  yield* decodePackets({
    codec,
    packets: raw ? pcmChunks(bytes, samples, entry) : packets(bytes, samples),
    skip,
    length,
  });
}

function inSamples(seconds: number | undefined, sampleRate: number): number | undefined {
  return seconds === undefined ? undefined : Math.round(seconds * sampleRate) || undefined;
}

/** Chooses a track as ffmpeg does: by the enabled flag, then by the number of channels, then by order. */
function choose(tracks: readonly AudioTrack[]): AudioTrack | undefined {
  const rank = ({ enabled, entry }: AudioTrack) => (enabled ? 1000 : 0) + Math.min(entry.channels, 999);
  return [...tracks].sort((a, b) => rank(b) - rank(a))[0];
}

function* samplesOf(bytes: Uint8Array, track: AudioTrack, trex: Uint8Array | undefined): Iterable<SampleRange> {
  yield* tableSamples(track.stbl, bytes.length);
  if (trex === undefined) return;
  const defaultSize = trex.length >= 20 ? new DataView(trex.buffer, trex.byteOffset).getUint32(16) : 0;
  yield* fragmentSamples(bytes, track.id, defaultSize);
}

function* packets(bytes: Uint8Array, samples: Iterable<SampleRange>): Iterable<Packet> {
  for (const { start, size } of samples) {
    if (start + size > bytes.length) return; // truncated
    yield { data: bytes.subarray(start, start + size) };
  }
}

/** Uncompressed samples are packets of one frame. Adjacent ones are joined. */
function* pcmChunks(
  bytes: Uint8Array,
  samples: Iterable<SampleRange>,
  { channels, bits }: SampleEntry,
): Iterable<Packet> {
  const frame = Math.max(1, (channels * Math.max(8, bits)) / 8);
  let [start, end] = [0, 0];
  for (const range of samples) {
    // QuickTime states a size of 1 for the frames of uncompressed audio.
    const size = range.size === 1 ? frame : range.size;
    if (range.start !== end && end > start) {
      yield { data: bytes.subarray(start, end) };
      start = range.start;
    } else if (end === start) start = range.start;
    end = range.size === 1 ? (range.start === end ? end : start) + size : range.start + range.size;
    if (end - start >= CHUNK_BYTES) {
      yield { data: bytes.subarray(start, end) };
      start = end;
    }
  }
  if (end > start) yield { data: bytes.subarray(start, end) };
}

/** Joins MPEG frames as in an MP3 file. */
function joined(bytes: Uint8Array, samples: Iterable<SampleRange>): Uint8Array {
  const whole = new Uint8Array(bytes.length);
  let at = 0;
  for (const { data } of packets(bytes, samples)) {
    if (at + data.length > whole.length) break; // the samples overlap
    whole.set(data, at);
    at += data.length;
  }
  return whole.subarray(0, at);
}

async function openCodec(entry: SampleEntry): Promise<Codec> {
  const { type, channels, sampleRate } = entry;
  const need = (boxType: string): Uint8Array => {
    const body = entry.boxes.find((inner) => inner.type === boxType)?.body;
    if (body === undefined) throw new Error(`the MP4 file has no ${boxType} box for its ${type} track`);
    return body;
  };
  if (type === 'mp4a') {
    const { objectType: kind, config } = readDescriptor(need('esds'));
    if (!AAC.has(kind)) throw new UnsupportedFormatError(`MP4 with codec 0x${kind.toString(16)}`);
    return new AacCodec(readAacConfig(config));
  }
  if (type === 'alac') return openAlac(need('alac').subarray(4));
  if (type === 'fLaC') return new FlacCodec(readMetadata(need('dfLa'), 4).stream);
  if (type === 'Opus') return openOpus(readOpusBox(need('dOps')));
  if (type === 'samr' || type === 'sawb') return openAmr(type === 'sawb');
  const layout = pcmLayout(entry);
  const codec = layout && pcmCodec({ bits: entry.bits, channels, sampleRate, ...layout });
  if (codec !== undefined) return codec;
  throw new UnsupportedFormatError(NAMES[type] ?? `MP4 with codec ${JSON.stringify(type)}`);
}

function pcmLayout({
  type,
  bits,
  flags,
  boxes,
}: SampleEntry): (Pick<PcmLayout, 'kind' | 'littleEndian'> & { bits?: number }) | undefined {
  const box = (name: string) => boxes.find((inner) => inner.type === name)?.body;
  if (type === 'lpcm')
    return { kind: flags & 1 ? 'float' : flags & 4 ? 'signed' : 'unsigned', littleEndian: (flags & 2) === 0 };
  if (type === 'NONE') return { kind: bits === 8 ? 'unsigned' : 'signed', littleEndian: false };
  const layout = PCM[type];
  if (layout === undefined) return undefined;
  const endianness = box('enda');
  const config = box('pcmC');
  if (config !== undefined && config.length >= 6)
    return { ...layout, littleEndian: (config[4]! & 1) === 1, bits: config[5]! };
  return endianness !== undefined ? { ...layout, littleEndian: endianness[1] === 1 } : layout;
}

function objectType(entry: SampleEntry): number {
  const esds = entry.boxes.find(({ type }) => type === 'esds')?.body;
  return esds === undefined ? 0 : readDescriptor(esds).objectType;
}

/** Reads the object type and the decoder configuration in `esds`. Source: ISO/IEC 14496-1, 7.2.6. */
function readDescriptor(esds: Uint8Array): { objectType: number; config: Uint8Array } {
  let kind = 0;
  for (let at = 4; at + 2 < esds.length;) {
    const tag = esds[at++]!;
    let size = 0;
    for (let i = 0; i < 4; i++) {
      const byte = esds[at++] ?? 0;
      size = size * 128 + (byte & 127);
      if (byte < 128) break;
    }
    if (tag === 3) {
      const flags = esds[at + 2] ?? 0;
      at += 3 + (flags & 0x80 ? 2 : 0) + (flags & 0x40 ? 1 + (esds[at + 3] ?? 0) : 0) + (flags & 0x20 ? 2 : 0);
    } else if (tag === 4) {
      kind = esds[at] ?? 0;
      at += 13;
    } else if (tag === 5) return { objectType: kind, config: esds.subarray(at, at + size) };
    else at += size;
  }
  return { objectType: kind, config: new Uint8Array() };
}
