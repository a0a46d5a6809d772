import { Unsupported } from '../../../decode-errors.js';
import type { Stretch } from '../../audio-block.js';
import type { Codec, Packet } from '../codecs/codec.js';
import { FlacCodec } from '../codecs/flac.js';
import { readStreamInfo } from '../codecs/flac-frame.js';
import { type OggLink, oggLinks, type OggPacket } from './ogg-pages.js';
import { openOpus, readOpusHead } from '../codecs/opus.js';
import { decodePackets } from '../packets.js';
import { openVorbis } from '../codecs/vorbis.js';

/** Of a chain, at most: each needs a decoder of its own. */
const LINKS = 500;
/** What a stream's first packet starts with. */
const CODECS = { opus: 'OpusHead', vorbis: '\x01vorbis', flac: '\x7fFLAC' } as const;
const OTHERS: [start: string, name: string][] = [
  ['Speex   ', 'Speex in Ogg'],
  ['CELT    ', 'CELT in Ogg'],
  ['fLaC', 'FLAC of an old mapping in Ogg'],
  ['PCM     ', 'PCM in Ogg'],
  ['\x80theora', 'Ogg without audio'],
];

/**
 * Decodes an Ogg file, each link of a chain at its own rate: the first stream of sound where there are several side by side.
 * @throws Unsupported where it is of another codec than Opus, Vorbis and FLAC
 */
export async function* decodeOgg(bytes: Uint8Array): AsyncIterable<Stretch> {
  let links = 0;
  for (const link of oggLinks(bytes)) {
    if (++links > LINKS) throw new Error(`it is a chain of more than ${LINKS} Ogg files`);
    yield* decodeLink(link);
  }
  if (links === 0) throw new Error('the Ogg file has no beginning');
}

async function* decodeLink({ streams, packets }: OggLink): AsyncIterable<Stretch> {
  for (const { serial, head } of streams) {
    const codec = codecOf(head);
    if (codec === undefined) continue;
    yield* decodeStream(codec, head, packets(serial));
    return;
  }
  const name = OTHERS.find(([start]) => streams.some(({ head }) => starts(head, start)))?.[1];
  throw new Unsupported(name ?? 'Ogg of an unknown codec');
}

async function* decodeStream(
  kind: keyof typeof CODECS,
  head: Uint8Array,
  all: Iterable<OggPacket>,
): AsyncIterable<Stretch> {
  const packets = all[Symbol.iterator]();
  packets.next(); // the head
  const setup: Uint8Array[] = [];
  let first: OggPacket | undefined;
  for (let next; first === undefined && !(next = packets.next()).done;) {
    if (isSound(kind, next.value.data, setup.length)) first = next.value;
    else setup.push(next.value.data);
  }
  if (first === undefined) return; // no sound in it
  const opusHead = kind === 'opus' ? readOpusHead(head) : undefined;
  const codec = new Counted(
    opusHead !== undefined
      ? await openOpus(opusHead)
      : kind === 'vorbis'
        ? await openVorbis({ identification: head, setup: setup.find((packet) => packet[0] === 5) ?? new Uint8Array() })
        : new FlacCodec(readStreamInfo(head.subarray(17))),
  );
  yield* decodePackets({ codec, packets: timed(codec, first, packets), skip: opusHead?.preSkip ?? 0 });
}

/** The last packet's page says how much of it is the clip. Source: RFC 7845, 4; Vorbis I, A.2. */
function* timed(codec: Counted, first: OggPacket, rest: Iterator<OggPacket>): Iterable<Packet> {
  let base: number | undefined; // samples of the count that are before the first packet
  for (let packet: OggPacket | undefined = first; packet !== undefined; packet = nextOf(rest)) {
    const { data, granule, ends } = packet;
    yield ends && granule !== undefined ? { data, end: Math.max(0, granule - (base ?? 0)) } : { data };
    if (granule !== undefined) base ??= granule - codec.made;
  }
}

function nextOf(packets: Iterator<OggPacket>): OggPacket | undefined {
  const next = packets.next();
  return next.done ? undefined : next.value;
}

function isSound(kind: keyof typeof CODECS, data: Uint8Array, before: number): boolean {
  if (kind === 'opus') return before > 0; // one packet of tags
  if (kind === 'flac') return data[0] === 0xff;
  return before > 1 || (data.length > 0 && data[0]! % 2 === 0); // tags, then code books
}

function codecOf(head: Uint8Array): keyof typeof CODECS | undefined {
  return (Object.keys(CODECS) as (keyof typeof CODECS)[]).find((codec) => starts(head, CODECS[codec]));
}

function starts(bytes: Uint8Array, text: string): boolean {
  return [...text].every((letter, i) => bytes[i] === letter.charCodeAt(0));
}

/** Knows how many samples it has made. */
class Counted implements Codec {
  made = 0;
  readonly #codec: Codec;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  get sampleRate(): number {
    return this.#codec.sampleRate;
  }

  async decode(packet: Uint8Array): Promise<Float32Array[]> {
    const channels = await this.#codec.decode(packet);
    this.made += channels[0]?.length ?? 0;
    return channels;
  }

  free(): void {
    this.#codec.free?.();
  }
}
