import { UnsupportedFormatError } from '../../../decode-errors.js';
import type { AudioBlock } from '../../audio-block.js';
import type { Codec, Packet } from '../codecs/codec.js';
import { FlacCodec } from '../codecs/flac.js';
import { readStreamInfo } from '../codecs/flac-frame.js';
import { openOpus, readOpusHead } from '../codecs/opus.js';
import { openVorbis } from '../codecs/vorbis.js';
import { decodePackets } from '../packets.js';
import { type OggLink, oggLinks, type OggPacket } from './ogg-pages.js';

/** Maximum number of links in a chain. Each requires a decoder of its own. */
const MAX_LINKS = 500;
/** The beginning of a stream's first packet. */
const CODECS = { opus: 'OpusHead', vorbis: '\x01vorbis', flac: '\x7fFLAC' } as const;
const OTHERS: [start: string, name: string][] = [
  ['Speex   ', 'Speex in Ogg'],
  ['CELT    ', 'CELT in Ogg'],
  ['fLaC', 'FLAC in Ogg in its old mapping'],
  ['PCM     ', 'PCM in Ogg'],
  ['\x80theora', 'Ogg without audio'],
];

/**
 * Decodes an Ogg file. Each link of a chain is decoded at its own sample rate. Of several multiplexed streams, the first audio
 * stream is decoded.
 * @throws UnsupportedFormatError if the codec is not Opus, Vorbis or FLAC
 */
export async function* decodeOgg(bytes: Uint8Array): AsyncIterable<AudioBlock> {
  let links = 0;
  for (const link of oggLinks(bytes)) {
    if (++links > MAX_LINKS) throw new Error(`it is a chain of more than ${MAX_LINKS} Ogg files`);
    yield* decodeLink(link);
  }
  if (links === 0) throw new Error('the Ogg file has no page that begins a stream');
}

async function* decodeLink({ streams, packets }: OggLink): AsyncIterable<AudioBlock> {
  for (const { serial, head } of streams) {
    const codec = codecOf(head);
    if (codec === undefined) continue;
    yield* decodeStream(codec, head, packets(serial));
    return;
  }
  const name = OTHERS.find(([start]) => streams.some(({ head }) => starts(head, start)))?.[1];
  throw new UnsupportedFormatError(name ?? 'Ogg with an unknown codec');
}

async function* decodeStream(
  kind: keyof typeof CODECS,
  head: Uint8Array,
  all: Iterable<OggPacket>,
): AsyncIterable<AudioBlock> {
  const packets = all[Symbol.iterator]();
  packets.next(); // the identification header
  const setup: Uint8Array[] = [];
  let first: OggPacket | undefined;
  for (let next; first === undefined && !(next = packets.next()).done;) {
    if (isAudioPacket(kind, next.value.data, setup.length)) first = next.value;
    else setup.push(next.value.data);
  }
  if (first === undefined) return; // the stream has no audio packets
  const opusHead = kind === 'opus' ? readOpusHead(head) : undefined;
  const codec = new CountingCodec(
    opusHead !== undefined
      ? await openOpus(opusHead)
      : kind === 'vorbis'
        ? await openVorbis({ identification: head, setup: setup.find((packet) => packet[0] === 5) ?? new Uint8Array() })
        : new FlacCodec(readStreamInfo(head.subarray(17))),
  );
  yield* decodePackets({ codec, packets: timed(codec, first, packets), skip: opusHead?.preSkip ?? 0 });
}

/** The granule position of the last page states where the clip ends. Source: RFC 7845, 4; Vorbis I, A.2. */
function* timed(codec: CountingCodec, first: OggPacket, rest: Iterator<OggPacket>): Iterable<Packet> {
  let base: number | undefined; // granule position of the first sample
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

function isAudioPacket(kind: keyof typeof CODECS, data: Uint8Array, before: number): boolean {
  if (kind === 'opus') return before > 0; // after one packet of tags
  if (kind === 'flac') return data[0] === 0xff;
  return before > 1 || (data.length > 0 && data[0]! % 2 === 0); // after the tags and the code books
}

function codecOf(head: Uint8Array): keyof typeof CODECS | undefined {
  return (Object.keys(CODECS) as (keyof typeof CODECS)[]).find((codec) => starts(head, CODECS[codec]));
}

function starts(bytes: Uint8Array, text: string): boolean {
  return [...text].every((letter, i) => bytes[i] === letter.charCodeAt(0));
}

/** Counts the samples that a codec decodes. */
class CountingCodec implements Codec {
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
