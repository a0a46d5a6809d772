import type { RawFormat } from '../../options/types.js';
import { EmotionError } from '../../shared/errors.js';
import { UnsupportedFormatError } from '../decode-errors.js';
import type { AudioBlock, OpenedAudio } from './audio-block.js';
import { openAlac } from './encoded/codecs/alac.js';
import { decodeMp3, missingFromMp3 } from './encoded/codecs/mp3.js';
import { decodeEncoded } from './encoded/decode.js';
import { decodePackets } from './encoded/packets.js';
import type { EmbeddedStream, LinearAudio } from './linear/linear-audio.js';
import { readLinear } from './linear/read.js';
import { interleaved } from './linear/samples.js';

/** Frames in a block of linear audio. */
const BLOCK_FRAMES = 65_536;
/** Size of the `frma` atom that may precede the `alac` atom in the ALAC cookie of a CAF file. */
const FRMA_BYTES = 12;
/** Size, name and version of the `alac` atom. */
const ALAC_ATOM_HEADER = 12;

/**
 * Identifies a file's format and opens it with a built-in decoder.
 * @param name the clip's name in error messages
 * @param raw the sample format of bytes that have no header
 * @throws EmotionError or Error if the file is damaged; UnsupportedFormatError if no built-in decoder reads it
 */
export function openAudio(bytes: Uint8Array, name: string, raw?: RawFormat): OpenedAudio {
  if (bytes.length === 0) throw new EmotionError('ERR_AUDIO_DECODE', `${name} is empty (0 bytes)`);
  if (raw !== undefined) return openLinear(interleaved(bytes, raw), name);
  const missing = missingFromMp3(bytes);
  if (missing !== undefined) {
    const share = Math.round((100 * missing.found) / missing.declared);
    throw new EmotionError(
      'ERR_AUDIO_DECODE',
      `${name} is truncated: it contains ${share}% of the audio that its header declares`,
    );
  }
  const linear = readLinear(bytes);
  if (linear === undefined) return { decoder: 'builtin', blocks: decodeEncoded(bytes) };
  if ('codec' in linear) return { decoder: 'builtin', blocks: decodeEmbedded(linear) };
  return openLinear(linear, name);
}

function openLinear(linear: LinearAudio, name: string): OpenedAudio {
  if (linear.frames === 0) throw new EmotionError('ERR_AUDIO_TOO_SHORT', `${name} contains no samples`);
  const { frames, sampleRate } = linear;
  return { decoder: 'builtin', expected: { frames, sampleRate }, blocks: blocksOf(linear) };
}

function decodeEmbedded(stream: EmbeddedStream): AsyncIterable<AudioBlock> {
  if (stream.codec === 'mp3') return decodeMp3(stream.bytes);
  if (stream.codec !== 'alac') throw new UnsupportedFormatError('AAC in a CAF file');
  const { cookie, packets, skip, length } = stream;
  return decodePackets({ codec: openAlac(alacConfig(cookie)), packets, skip, ...(length !== undefined && { length }) });
}

/** Returns the ALAC configuration without the `frma` and `alac` atoms that some programs write around it. */
function alacConfig(cookie: Uint8Array): Uint8Array {
  const wrapped = Buffer.from(cookie.buffer, cookie.byteOffset, cookie.byteLength).toString('latin1', 4, 8) === 'frma';
  return wrapped ? cookie.subarray(FRMA_BYTES + ALAC_ATOM_HEADER) : cookie;
}

function* blocksOf(audio: LinearAudio): Iterable<AudioBlock> {
  for (let start = 0; start < audio.frames; start += BLOCK_FRAMES) {
    const channelData = audio.read(start, Math.min(audio.frames, start + BLOCK_FRAMES));
    yield { channelData, sampleRate: audio.sampleRate };
  }
}
