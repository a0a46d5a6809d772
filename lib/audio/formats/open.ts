import { Failure, Unsupported } from '../decode-errors.js';
import type { RawFormat } from '../../options/types.js';
import { decodeEncoded } from './encoded/decode.js';
import { openAlac } from './encoded/codecs/alac.js';
import { decodeMp3, missingFromMp3 } from './encoded/codecs/mp3.js';
import { decodePackets } from './encoded/packets.js';
import type { EmbeddedStream, LinearAudio } from './linear/linear-audio.js';
import { readLinear } from './linear/read.js';
import { interleaved } from './linear/samples.js';
import type { OpenedAudio, Stretch } from './audio-block.js';

/** Frames of what is not compressed that are converted at once. */
const FRAMES = 65_536;
/** Of a CAF's ALAC cookie: the atom before the codec's own, and that one's size, name and version. */
const FRMA_BYTES = 12;
const ALAC_ATOM_HEADER = 12;

/**
 * Finds out what a file's bytes are, and how they are decoded.
 * @param name of the clip, for errors
 * @param raw what the bytes are, where they have no header
 * @throws Failure where the file is broken; Unsupported where nothing here reads it
 */
export function openAudio(bytes: Uint8Array, name: string, raw?: RawFormat): OpenedAudio {
  if (bytes.length === 0) throw new Failure('ERR_AUDIO_DECODE', `${name} is empty (0 bytes)`);
  if (raw !== undefined) return openLinear(interleaved(bytes, raw), name);
  const missing = missingFromMp3(bytes);
  if (missing !== undefined) {
    const share = Math.round((100 * missing.found) / missing.promised);
    throw new Failure(
      'ERR_AUDIO_DECODE',
      `${name} is cut off: it holds ${share} % of the audio that its header promises`,
    );
  }
  const linear = readLinear(bytes);
  if (linear === undefined) return { decoder: 'builtin', stretches: decodeEncoded(bytes) };
  if ('codec' in linear) return { decoder: 'builtin', stretches: decodeEmbedded(linear) };
  return openLinear(linear, name);
}

function openLinear(linear: LinearAudio, name: string): OpenedAudio {
  if (linear.frames === 0) throw new Failure('ERR_AUDIO_TOO_SHORT', `${name} holds no samples`);
  const { frames, sampleRate } = linear;
  return { decoder: 'builtin', expected: { frames, sampleRate }, stretches: stretchesOf(linear) };
}

function decodeEmbedded(stream: EmbeddedStream): AsyncIterable<Stretch> {
  if (stream.codec === 'mp3') return decodeMp3(stream.bytes);
  if (stream.codec !== 'alac') throw new Unsupported('it is a CAF file with AAC');
  const { cookie, packets, skip, length } = stream;
  return decodePackets({ codec: openAlac(alacConfig(cookie)), packets, skip, ...(length !== undefined && { length }) });
}

/** The cookie without the atoms `frma` and `alac` that some programs write around it. */
function alacConfig(cookie: Uint8Array): Uint8Array {
  const wrapped = Buffer.from(cookie.buffer, cookie.byteOffset, cookie.byteLength).toString('latin1', 4, 8) === 'frma';
  return wrapped ? cookie.subarray(FRMA_BYTES + ALAC_ATOM_HEADER) : cookie;
}

function* stretchesOf(audio: LinearAudio): Iterable<Stretch> {
  for (let start = 0; start < audio.frames; start += FRAMES) {
    const channelData = audio.read(start, Math.min(audio.frames, start + FRAMES));
    yield { channelData, sampleRate: audio.sampleRate };
  }
}
