import { inflateSync } from 'node:zlib';

import { concatBytes } from '../../../../shared/concat.js';
import { UnsupportedFormatError } from '../../../decode-errors.js';
import type { AudioBlock } from '../../audio-block.js';
import { AacCodec, readAacConfig } from '../codecs/aac.js';
import { openAlac } from '../codecs/alac.js';
import type { Codec, Packet } from '../codecs/codec.js';
import { FlacCodec, readMetadata } from '../codecs/flac.js';
import { decodeMp3 } from '../codecs/mp3.js';
import { openOpus, readOpusHead } from '../codecs/opus.js';
import { pcmCodec } from '../codecs/pcm.js';
import { openVorbis } from '../codecs/vorbis.js';
import { decodePackets } from '../packets.js';
import { childrenOf, type Element, elementsIn, float, unsigned } from './ebml.js';
import { trackFrames } from './matroska-blocks.js';

/** Source: RFC 9559, 5.1.4. */
const ID = {
  entry: 0xae,
  number: 0xd7,
  type: 0x83,
  isDefault: 0x88,
  codec: 0x86,
  setup: 0x63a2,
  delay: 0x56aa,
  audio: 0xe1,
  sampleRate: 0xb5,
  channels: 0x9f,
  bits: 0x6264,
  encodings: 0x6d80,
  encoding: 0x6240,
  compression: 0x5034,
  algorithm: 0x4254,
  settings: 0x4255,
  encryption: 0x5035,
};
const AUDIO_TRACK = 2;
/** Maximum number of tracks that are examined. */
const MAX_TRACKS = 100;
/**
 * Limits of content encodings: bytes of a decompressed frame, bytes of the stripped header that each frame gets back, and the
 * total decompressed size as a multiple of the file's size.
 */
const DECOMPRESSED = { frame: 1 << 18, prefix: 1 << 8, times: 100 };
const NAMES: [start: string, name: string][] = [
  ['A_AC3', 'AC-3'],
  ['A_EAC3', 'E-AC-3'],
  ['A_DTS', 'DTS'],
  ['A_TRUEHD', 'TrueHD'],
  ['A_WAVPACK4', 'WavPack in Matroska'],
  ['A_TTA1', 'True Audio'],
  ['A_MS/ACM', 'Matroska with a Windows ACM codec'],
];

interface Track {
  number: number;
  codec: string;
  setup: Uint8Array;
  isDefault: boolean;
  /** Nanoseconds. */
  delay: number;
  sampleRate: number;
  channels: number;
  bits: number;
  encodings: Uint8Array | undefined;
}

/**
 * Decodes the audio of a WebM or Matroska file. Of several tracks, the one that players choose is decoded.
 * @throws UnsupportedFormatError if the codec is not supported; Error if the file is encrypted or has no audio
 */
export async function* decodeMatroska(bytes: Uint8Array): AsyncIterable<AudioBlock> {
  const track = choose(entriesOf(bytes));
  if (track === undefined) throw new Error('the Matroska file has no audio track');
  const unpack = frameDecoder(track.encodings, bytes.length * DECOMPRESSED.times);
  const frames = trackFrames(elementsIn(bytes), track.number);
  if (track.codec === 'A_MPEG/L3' || track.codec === 'A_MPEG/L2' || track.codec === 'A_MPEG/L1') {
    yield* decodeMp3(concatBytes([...frames].map(({ data }) => unpack(data))));
    return;
  }
  const codec = await openCodec(track);
  // Opus states its priming samples itself. Some programs write a different number into the container.
  const opus = track.codec === 'A_OPUS' ? readOpusHead(track.setup).preSkip : undefined;
  const skip = opus ?? Math.round((track.delay * codec.sampleRate) / 1e9);
  yield* decodePackets({ codec, packets: packets(frames, unpack, codec.sampleRate), skip });
}

function* packets(frames: ReturnType<typeof trackFrames>, unpack: Unpack, sampleRate: number): Iterable<Packet> {
  for (const { data, discard } of frames)
    yield { data: unpack(data), discard: Math.round((discard * sampleRate) / 1e9) };
}

function entriesOf(bytes: Uint8Array): Element[] {
  const entries: Element[] = [];
  for (const element of elementsIn(bytes))
    if (element.id === ID.entry && entries.length < MAX_TRACKS) entries.push(element);
  return entries;
}

/** Chooses a track as ffmpeg does: by the default flag, then by the number of channels, then by order. */
function choose(entries: readonly Element[]): Track | undefined {
  const tracks = entries.flatMap(({ body }) => {
    const fields = childrenOf(body);
    return unsigned(fields.get(ID.type), 0) === AUDIO_TRACK ? [readTrack(fields)] : [];
  });
  const rank = ({ isDefault, channels }: Track) => (isDefault ? 1000 : 0) + Math.min(channels, 999);
  return tracks.sort((a, b) => rank(b) - rank(a))[0];
}

function readTrack(fields: Map<number, Uint8Array>): Track {
  const audio = childrenOf(fields.get(ID.audio) ?? new Uint8Array());
  return {
    number: unsigned(fields.get(ID.number), 0),
    codec: Buffer.from(fields.get(ID.codec) ?? [])
      .toString('latin1')
      .replace(/\0+$/, ''),
    setup: fields.get(ID.setup) ?? new Uint8Array(),
    isDefault: unsigned(fields.get(ID.isDefault), 1) === 1,
    delay: unsigned(fields.get(ID.delay), 0),
    sampleRate: float(audio.get(ID.sampleRate), 8000),
    channels: unsigned(audio.get(ID.channels), 1),
    bits: unsigned(audio.get(ID.bits), 0),
    encodings: fields.get(ID.encodings),
  };
}

type Unpack = (frame: Uint8Array) => Uint8Array;

/**
 * Returns the function that reverses the content encodings of a track's frames.
 * @param maxTotal maximum number of decompressed bytes
 * @throws UnsupportedFormatError; Error if the track is encrypted
 */
function frameDecoder(encodings: Uint8Array | undefined, maxTotal: number): Unpack {
  if (encodings === undefined) return (frame) => frame;
  const list = [...elementsIn(encodings, new Set())].filter(({ id }) => id === ID.encoding);
  const [first] = list;
  if (first === undefined) return (frame) => frame;
  const encoding = childrenOf(first.body);
  if (encoding.has(ID.encryption)) throw new Error('it is encrypted');
  if (list.length > 1) throw new UnsupportedFormatError('Matroska with several content encodings');
  const compression = childrenOf(encoding.get(ID.compression) ?? new Uint8Array());
  const algorithm = unsigned(compression.get(ID.algorithm), 0);
  const settings = compression.get(ID.settings) ?? new Uint8Array();
  if (settings.length > DECOMPRESSED.prefix) throw new Error('the stripped header of its frames is too long');
  if (algorithm === 3) return (frame) => concatBytes([settings, frame]);
  let total = 0;
  if (algorithm === 0) {
    return (frame) => {
      const unpacked = inflateSync(frame, { maxOutputLength: DECOMPRESSED.frame });
      total += unpacked.length;
      if (total > maxTotal) throw new UnsupportedFormatError('Matroska with this ratio of compression');
      return unpacked;
    };
  }
  throw new UnsupportedFormatError('Matroska with an unknown compression');
}

async function openCodec({ codec, setup, sampleRate, channels, bits }: Track): Promise<Codec> {
  if (codec === 'A_OPUS') return openOpus(readOpusHead(setup));
  if (codec === 'A_VORBIS') return openVorbis(vorbisHeaders(setup));
  if (codec === 'A_FLAC') return new FlacCodec(readMetadata(setup, 4).stream);
  if (codec === 'A_ALAC') return openAlac(setup);
  if (codec.startsWith('A_AAC') && setup.length > 0) return new AacCodec(readAacConfig(setup));
  if (/^A_AAC\/MPEG[24]\/LC$/.test(codec)) return new AacCodec({ objectType: 2, sampleRate });
  const layout = { channels, bits, sampleRate };
  const plain =
    codec === 'A_PCM/INT/LIT'
      ? pcmCodec({ ...layout, kind: bits === 8 ? 'unsigned' : 'signed', littleEndian: true })
      : codec === 'A_PCM/INT/BIG'
        ? pcmCodec({ ...layout, kind: bits === 8 ? 'unsigned' : 'signed', littleEndian: false })
        : codec === 'A_PCM/FLOAT/IEEE'
          ? pcmCodec({ ...layout, kind: 'float', littleEndian: true })
          : undefined;
  if (plain !== undefined) return plain;
  throw new UnsupportedFormatError(
    NAMES.find(([start]) => codec.startsWith(start))?.[1] ??
      `Matroska with codec ${JSON.stringify(codec.slice(0, 40))}`,
  );
}

/** Reads three packets, preceded by the sizes of the first two. Source: Matroska codec specifications, A_VORBIS. */
function vorbisHeaders(setup: Uint8Array): { identification: Uint8Array; setup: Uint8Array } {
  let at = 1;
  const sizes = [0, 1].map(() => {
    let size = 0;
    for (let byte = 255; byte === 255 && at < setup.length;) size += byte = setup[at++]!;
    return size;
  });
  if (setup[0] !== 2) throw new Error('the Vorbis header is damaged');
  const second = at + sizes[0]!;
  return { identification: setup.subarray(at, second), setup: setup.subarray(second + sizes[1]!) };
}
