import type { OggVorbisDecoder } from '@wasm-audio-decoders/ogg-vorbis' with { 'resolution-mode': 'import' };

import type { Codec } from './codec.js';

/** Header packets, which precede the audio packets. */
export interface VorbisHeaders {
  identification: Uint8Array;
  setup: Uint8Array;
}

/** The library expects the pages of its own parser. Only the fields that it reads are provided. */
type Pages = Parameters<OggVorbisDecoder['decodeOggPages']>[0];

/**
 * Opens a decoder for Vorbis packets. Source: Vorbis I, 4.2.
 * @throws Error if the headers are invalid
 */
export async function openVorbis({ identification, setup }: VorbisHeaders): Promise<Codec> {
  const view = new DataView(identification.buffer, identification.byteOffset, identification.byteLength);
  if (identification.length < 30 || identification[0] !== 1 || setup[0] !== 5)
    throw new Error('the Vorbis header is damaged');
  const [channels, sampleRate] = [identification[11]!, view.getUint32(12, true)];
  if (channels === 0 || sampleRate === 0) throw new Error('the Vorbis header states 0 channels or 0 Hz');
  const { OggVorbisDecoder: Decoder } = await import('@wasm-audio-decoders/ogg-vorbis');
  const decoder = new Decoder();
  await decoder.ready;
  return new VorbisCodec(decoder, identification, setup, sampleRate);
}

class VorbisCodec implements Codec {
  readonly sampleRate: number;
  readonly #decoder: OggVorbisDecoder;
  readonly #header: { vorbisSetup: Uint8Array };
  #first: Uint8Array | undefined;

  constructor(decoder: OggVorbisDecoder, identification: Uint8Array, setup: Uint8Array, sampleRate: number) {
    this.#decoder = decoder;
    this.#first = identification;
    this.#header = { vorbisSetup: setup };
    this.sampleRate = sampleRate;
  }

  async decode(packet: Uint8Array): Promise<Float32Array[]> {
    const page = { data: this.#first ?? packet, codecFrames: [{ header: this.#header, data: packet }] };
    this.#first = undefined;
    const { channelData, errors } = await this.#decoder.decodeOggPages([page] as unknown as Pages);
    if (errors.length > 0) throw new Error('a Vorbis packet is damaged');
    return channelData;
  }

  free(): void {
    this.#decoder.free();
  }
}
