import { unsupportedCodec } from '../../decode-errors.js';
import { quickTime } from './aiff.js';
import { nameAt } from './chunks.js';
import { readIntegers } from './integers.js';
import type { EmbeddedPackets, LinearAudio } from './linear-audio.js';
import { floats, interleaved } from './samples.js';

const IS_FLOAT = 1;
const IS_LITTLE_ENDIAN = 2;

interface Description {
  /** In Hz. */
  sampleRate: number;
  format: string;
  flags: number;
  /** Size of a packet in bytes; 0 if the sizes vary and are in the packet table. */
  packetBytes: number;
  packetFrames: number;
  channels: number;
  bits: number;
}

/** The packet table: which samples belong to the clip, and the size of each packet. */
interface PacketTable {
  validFrames: number;
  priming: number;
  /** Numbers with seven bits per byte. */
  sizes: Uint8Array;
}

/**
 * Reads Apple's Core Audio Format: integers, floats, G.711 and ima4. For ALAC and AAC, it returns their packets.
 * @returns undefined if the bytes are not a CAF file
 * @throws UnsupportedFormatError for other codecs; Error if the file is damaged
 */
export function readCaf(bytes: Uint8Array): LinearAudio | EmbeddedPackets | undefined {
  if (nameAt(bytes, 0) !== 'caff') return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let description: Description | undefined;
  let samples: Uint8Array | undefined;
  let table: PacketTable | undefined;
  let cookie = bytes.subarray(0, 0);
  for (let at = 8; at + 12 <= bytes.length;) {
    const id = nameAt(bytes, at);
    const size = Number(view.getBigInt64(at + 4));
    const body = at + 12;
    const end = size < 0 ? bytes.length : Math.min(bytes.length, body + size); // the last chunk may state -1
    if (id === 'desc' && end - body >= 32) description ??= readDescription(view, body);
    if (id === 'pakt' && end - body >= 24) table ??= readTable(bytes.subarray(body, end));
    if (id === 'kuki') cookie = bytes.subarray(Math.min(body, end), end);
    if (id === 'data' && samples === undefined) samples = bytes.subarray(Math.min(body + 4, end), end); // after the edit count
    at = end;
  }
  if (description === undefined) throw new Error('the CAF header is truncated');
  if (samples === undefined) throw new Error('the CAF file has no audio data');
  const { format } = description;
  if (format !== 'alac' && format !== 'aac ') return readSamples(samples, description, table);
  return {
    codec: format === 'alac' ? 'alac' : 'aac',
    cookie,
    packets: packetsOf(samples, description, table),
    skip: Math.max(0, table?.priming ?? 0),
    length: table !== undefined && table.validFrames > 0 ? table.validFrames : undefined,
  };
}

function readTable(bytes: Uint8Array): PacketTable {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { validFrames: Number(view.getBigInt64(8)), priming: view.getInt32(16), sizes: bytes.subarray(24) };
}

function* packetsOf(
  samples: Uint8Array,
  { packetBytes, packetFrames }: Description,
  table: PacketTable | undefined,
): Iterable<{ data: Uint8Array }> {
  const sizes = table?.sizes ?? new Uint8Array(0);
  let next = 0;
  const number = (): number => {
    let value = 0;
    for (let byte = 0x80; byte & 0x80 && next < sizes.length;) {
      byte = sizes[next++]!;
      value = value * 128 + (byte & 0x7f);
    }
    return value;
  };
  for (let at = 0; at < samples.length;) {
    if (packetBytes === 0 && next >= sizes.length) return;
    const size = packetBytes || number();
    if (packetFrames === 0) number();
    if (size > 0) yield { data: samples.subarray(at, at + size) };
    at += size;
  }
}

function readDescription(view: DataView, at: number): Description {
  return {
    sampleRate: Math.round(view.getFloat64(at)),
    format: nameAt(new Uint8Array(view.buffer, view.byteOffset + at, 12), 8),
    flags: view.getUint32(at + 12),
    packetBytes: view.getUint32(at + 16),
    packetFrames: view.getUint32(at + 20),
    channels: view.getUint32(at + 24),
    bits: view.getUint32(at + 28),
  };
}

function readSamples(samples: Uint8Array, description: Description, table: PacketTable | undefined): LinearAudio {
  const { sampleRate, format, flags, packetBytes, channels, bits } = description;
  const shape = { channels, sampleRate };
  const littleEndian = (flags & IS_LITTLE_ENDIAN) !== 0;
  if (format === 'ulaw' || format === 'alaw') {
    return interleaved(samples, { ...shape, encoding: format === 'ulaw' ? 'mulaw' : 'alaw' });
  }
  if (format === 'ima4') {
    const frames = table !== undefined && table.validFrames > 0 ? table.validFrames : undefined;
    return quickTime(samples, { ...shape, frames });
  }
  if (format === 'lpcm') {
    const float = (flags & IS_FLOAT) !== 0;
    const encoding = float ? floats(bits, littleEndian) : undefined;
    if (encoding !== undefined) return interleaved(samples, { ...shape, encoding });
    const container = channels > 0 && packetBytes % channels === 0 ? packetBytes / channels : 0;
    const layout = { ...shape, bits, container: Math.max(container, Math.ceil(bits / 8)), littleEndian };
    const audio = float || bits === 0 ? undefined : readIntegers(samples, layout);
    if (audio !== undefined) return audio;
  }
  throw unsupportedCodec('CAF', JSON.stringify(format), bits);
}
