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
 * Reads what is not compressed, or in simple blocks.
 * @returns undefined when the bytes are none of these files
 * @throws Unsupported where the codec is not read; Error where the file is broken
 */
export function readLinear(bytes: Uint8Array): LinearAudio | EmbeddedStream | undefined {
  const untagged = behindId3(bytes);
  for (const read of READERS) {
    const audio = read(untagged);
    if (audio !== undefined) return audio;
  }
  return undefined;
}

/** Programs that tag MP3 files put the same tag before others. */
function behindId3(bytes: Uint8Array): Uint8Array {
  let rest = bytes;
  while (rest.length > 10 && rest[0] === 0x49 && rest[1] === 0x44 && rest[2] === 0x33) {
    const [a, b, c, d] = rest.subarray(6, 10);
    if ((a! | b! | c! | d!) & 0x80) return bytes;
    const footer = rest[5]! & 0x10 ? 10 : 0;
    rest = rest.subarray(10 + footer + ((a! << 21) | (b! << 14) | (c! << 7) | d!));
  }
  return rest;
}
