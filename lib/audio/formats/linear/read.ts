import { skipId3 } from '../id3.js';
import { readAiff } from './aiff.js';
import { readAu } from './au.js';
import { readCaf } from './caf.js';
import { readIrcam } from './ircam.js';
import type { EmbeddedStream, LinearAudio } from './linear-audio.js';
import { readSphere } from './sphere.js';
import { readVoc } from './voc.js';
import { readWav, readWave64 } from './wav.js';

const READERS = [readWav, readWave64, readAiff, readCaf, readAu, readSphere, readVoc, readIrcam];

/**
 * Opens uncompressed audio and audio in blocks of a fixed size. ID3 tags at the start are skipped, because some programs write
 * them to files of any format.
 * @returns undefined if the bytes are in none of these formats
 * @throws UnsupportedFormatError if the codec is not supported; Error if the file is damaged
 */
export function readLinear(bytes: Uint8Array): LinearAudio | EmbeddedStream | undefined {
  const untagged = bytes.subarray(skipId3(bytes, 0));
  for (const read of READERS) {
    const audio = read(untagged);
    if (audio !== undefined) return audio;
  }
  return undefined;
}
