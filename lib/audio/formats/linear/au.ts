import { Unsupported } from '../../decode-errors.js';
import { nameAt } from './chunks.js';
import type { LinearAudio } from './linear-audio.js';
import { floats, integers, interleaved, type SampleEncoding } from './samples.js';

const HEADER = 24;
/** Of Sun, and of DEC; those that end with the dot have the words of the header and the samples turned round. */
const MAGICS = ['.snd', 'dns.', '.sd\0', '\0ds.'];

/**
 * Reads the audio of Sun and NeXT (.au, .snd): integers, floats and G.711, of either order of bytes.
 * @returns undefined when the bytes are no such file
 * @throws Unsupported for other codecs; Error where the file is broken
 */
export function readAu(bytes: Uint8Array): LinearAudio | undefined {
  const magic = nameAt(bytes, 0);
  if (!MAGICS.includes(magic)) return undefined;
  if (bytes.length < HEADER) throw new Error('the AU header is cut off');
  const littleEndian = magic.endsWith('.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [start, size, code, sampleRate, channels] = [4, 8, 12, 16, 20].map((at) => view.getUint32(at, littleEndian));
  const encoding = encodingOf(code!, littleEndian);
  if (encoding === undefined) throw new Unsupported(`AU with encoding ${code}`);
  if (start! < HEADER || start! > bytes.length) throw new Error(`its header says that it has ${start} bytes`);
  const rest = bytes.subarray(start);
  const samples = size! > 0 ? rest.subarray(0, size) : rest; // what could not go back to write the size left 0 or the most
  return interleaved(samples, { encoding, sampleRate: sampleRate!, channels: channels! });
}

function encodingOf(code: number, littleEndian: boolean): SampleEncoding | undefined {
  if (code === 1) return 'mulaw';
  if (code === 27) return 'alaw';
  if (code >= 2 && code <= 5) return integers(code - 1, littleEndian);
  if (code === 6 || code === 7) return floats(code === 6 ? 32 : 64, littleEndian);
  return undefined;
}
