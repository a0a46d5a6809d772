import { inflateSync } from 'node:zlib';

import { Unsupported } from '../../../decode-errors.js';
import type { Stretch } from '../../audio-block.js';
import { AacCodec, readAacConfig } from '../codecs/aac.js';
import { openAlac } from '../codecs/alac.js';
import type { Codec, Packet } from '../codecs/codec.js';
import { childrenOf, type Element, elementsIn, float, unsigned } from './ebml.js';
import { FlacCodec, readMetadata } from '../codecs/flac.js';
import { trackFrames } from './matroska-blocks.js';
import { decodeMp3 } from '../codecs/mp3.js';
import { openOpus, readOpusHead } from '../codecs/opus.js';
import { decodePackets } from '../packets.js';
import { pcmCodec } from '../codecs/pcm.js';
import { openVorbis } from '../codecs/vorbis.js';

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
const SOUND = 2;
/** That are looked at. */
const TRACKS = 100;
/** Bytes of a frame that was packed, at most; of what is put before each one; and of all, as many times the file. */
const UNPACKED = { frame: 1 << 18, prefix: 1 << 8, times: 100 };
const NAMES: [start: string, name: string][] = [
  ['A_AC3', 'AC-3'],
  ['A_EAC3', 'E-AC-3'],
  ['A_DTS', 'DTS'],
  ['A_TRUEHD', 'TrueHD'],
  ['A_WAVPACK4', 'WavPack in Matroska'],
  ['A_TTA1', 'True Audio'],
  ['A_MS/ACM', 'Matroska with a codec of Windows'],
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
 * Decodes the sound of a WebM or Matroska file: of several tracks the one that players take.
 * @throws Unsupported for a codec that is not known here; Error where the file is encrypted or has no sound
 */
export async function* decodeMatroska(bytes: Uint8Array): AsyncIterable<Stretch> {
  const track = choose(entriesOf(bytes));
  if (track === undefined) throw new Error('the Matroska file has no sound');
  const unpack = unpacker(track.encodings, bytes.length * UNPACKED.times);
  const frames = trackFrames(elementsIn(bytes), track.number);
  if (track.codec === 'A_MPEG/L3' || track.codec === 'A_MPEG/L2' || track.codec === 'A_MPEG/L1') {
    yield* decodeMp3(Buffer.concat([...frames].map(({ data }) => unpack(data))));
    return;
  }
  const codec = await openCodec(track);
  // Opus says it itself: what some programs write into the container beside it is another number.
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
    if (element.id === ID.entry && entries.length < TRACKS) entries.push(element);
  return entries;
}

/** As ffmpeg: one that is played by default, then that of most channels, then the first. */
function choose(entries: readonly Element[]): Track | undefined {
  const tracks = entries.flatMap(({ body }) => {
    const fields = childrenOf(body);
    return unsigned(fields.get(ID.type), 0) === SOUND ? [readTrack(fields)] : [];
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

/** How frames are brought back to what they were. @throws Unsupported; Error where they are encrypted */
function unpacker(encodings: Uint8Array | undefined, most: number): Unpack {
  if (encodings === undefined) return (frame) => frame;
  const list = [...elementsIn(encodings, new Set())].filter(({ id }) => id === ID.encoding);
  const [first] = list;
  if (first === undefined) return (frame) => frame;
  const encoding = childrenOf(first.body);
  if (encoding.has(ID.encryption)) throw new Error('it is encrypted');
  if (list.length > 1) throw new Unsupported('Matroska that is packed twice');
  const compression = childrenOf(encoding.get(ID.compression) ?? new Uint8Array());
  const algorithm = unsigned(compression.get(ID.algorithm), 0);
  const settings = compression.get(ID.settings) ?? new Uint8Array();
  if (settings.length > UNPACKED.prefix) throw new Error('its frames have a beginning that is too long');
  if (algorithm === 3) return (frame) => Buffer.concat([settings, frame]);
  let total = 0;
  if (algorithm === 0) {
    return (frame) => {
      const unpacked = inflateSync(frame, { maxOutputLength: UNPACKED.frame });
      total += unpacked.length;
      if (total > most) throw new Unsupported('Matroska that is packed too tightly');
      return unpacked;
    };
  }
  throw new Unsupported('Matroska that is packed in a way of its own');
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
  throw new Unsupported(
    NAMES.find(([start]) => codec.startsWith(start))?.[1] ?? `Matroska of codec ${JSON.stringify(codec.slice(0, 40))}`,
  );
}

/** Three packets, the sizes of the first two before them. Source: Matroska codec specifications, A_VORBIS. */
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
