import { UnsupportedFormatError } from '../../decode-errors.js';
import type { LinearAudio } from './linear-audio.js';
import { integers, interleaved, type SampleEncoding } from './samples.js';

const MAGIC = 'NIST_1A\n';
/** Maximum size of a header. Headers usually have 1024 bytes or a multiple of that. */
const MAX_HEADER = 65_536;

/**
 * Reads NIST SPHERE, the format of many speech corpora: integers and G.711.
 * @returns undefined if the bytes are not a SPHERE file
 * @throws UnsupportedFormatError for compressed samples (shorten); Error if the file is damaged
 */
export function readSphere(bytes: Uint8Array): LinearAudio | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_HEADER)).toString('latin1');
  if (!head.startsWith(MAGIC)) return undefined;
  const size = Number(head.slice(8, 16));
  if (!Number.isInteger(size) || size < 16 || size > Math.min(bytes.length, MAX_HEADER)) {
    throw new Error('the SPHERE header is truncated');
  }
  const fields = new Map<string, string>();
  for (const line of head.slice(16, size).split('\n')) {
    if (line.trimEnd() === 'end_head') break;
    const [, key, value] = /^(\S+)\s+-\S+\s(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined) fields.set(key, value!);
  }
  const number = (key: string): number => Number(fields.get(key) ?? NaN);
  const channels = fields.has('channel_count') ? number('channel_count') : 1;
  const encoding = encodingOf(
    fields.get('sample_coding') ?? 'pcm',
    number('sample_n_bytes'),
    fields.get('sample_byte_format'),
  );
  const audio = interleaved(bytes.subarray(size), { encoding, channels, sampleRate: number('sample_rate') });
  const declared = number('sample_count');
  return declared > 0 && declared < audio.frames ? { ...audio, frames: Math.floor(declared) } : audio;
}

function encodingOf(coding: string, bytes: number, order: string | undefined): SampleEncoding {
  const encoding =
    coding === 'ulaw' || coding === 'mu-law'
      ? 'mulaw'
      : coding === 'alaw'
        ? 'alaw'
        : coding === 'pcm'
          ? integers(bytes, order === undefined || order.startsWith('01'))
          : undefined;
  if (encoding !== undefined) return encoding;
  throw new UnsupportedFormatError(
    `SPHERE with coding ${JSON.stringify(coding.slice(0, 40))} and ${bytes} bytes per sample`,
  );
}
