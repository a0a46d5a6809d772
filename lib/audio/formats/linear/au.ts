import { UnsupportedFormatError } from '../../decode-errors.js';
import { nameAt } from './chunks.js';
import type { LinearAudio } from './linear-audio.js';
import { floats, integers, interleaved, type SampleEncoding } from './samples.js';

const HEADER = 24;
/** Magic numbers of Sun and of DEC. The header and samples of those that end with a dot are little-endian. */
const MAGICS = ['.snd', 'dns.', '.sd\0', '\0ds.'];

/**
 * Reads Sun and NeXT audio files (.au, .snd): integers, floats and G.711, in either byte order.
 * @returns undefined if the bytes are not an AU file
 * @throws UnsupportedFormatError for other codecs; Error if the file is damaged
 */
export function readAu(bytes: Uint8Array): LinearAudio | undefined {
  const magic = nameAt(bytes, 0);
  if (!MAGICS.includes(magic)) return undefined;
  if (bytes.length < HEADER) throw new Error('the AU header is truncated');
  const littleEndian = magic.endsWith('.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [start, size, code, sampleRate, channels] = [4, 8, 12, 16, 20].map((at) => view.getUint32(at, littleEndian));
  const encoding = encodingOf(code!, littleEndian);
  if (encoding === undefined) throw new UnsupportedFormatError(`AU with encoding ${code}`);
  if (start! < HEADER || start! > bytes.length) throw new Error(`the AU header states a size of ${start} bytes`);
  const rest = bytes.subarray(start);
  const samples = size! > 0 ? rest.subarray(0, size) : rest; // programs that cannot seek write 0 or the maximum
  return interleaved(samples, { encoding, sampleRate: sampleRate!, channels: channels! });
}

function encodingOf(code: number, littleEndian: boolean): SampleEncoding | undefined {
  if (code === 1) return 'mulaw';
  if (code === 27) return 'alaw';
  if (code >= 2 && code <= 5) return integers(code - 1, littleEndian);
  if (code === 6 || code === 7) return floats(code === 6 ? 32 : 64, littleEndian);
  return undefined;
}
