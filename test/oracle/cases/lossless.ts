import { appendFile, readFile, writeFile } from 'node:fs/promises';

import { byFfmpeg, byTool, type OracleCase } from '../case.js';
import { makeWav } from '../make-wav.js';
import { RATES, SHAPES } from './linear.js';

const lossless = { lossless: true, frame: 0 };

/** Returns a case for a bit depth that only the reference encoder of FLAC writes. */
function flacBits(bits: number, rate: number, channels: number): OracleCase {
  return {
    file: `flac-${bits}bits-${rate}-${channels}.flac`,
    format: 'FLAC, 8 to 32 bits',
    ...lossless,
    reference: { rate, channels },
    make: async ({ samples, run }, out) => {
      await writeFile(`${out}.wav`, makeWav(await samples(rate, channels), { rate, channels, bits, extensible: true }));
      await run('flac', ['-s', '-f', '--lax', '-o', out, `${out}.wav`]);
    },
  };
}

export const losslessCases: readonly OracleCase[] = [
  ...RATES.map((rate) => byTool(`flac-${rate}-1.flac`, 'FLAC', rate, 1, 'flac -s -f -o OUT IN', lossless)),
  ...SHAPES.map(([rate, channels]) =>
    byFfmpeg(`flac-ffmpeg-${rate}-${channels}.flac`, 'FLAC', rate, channels, '-c:a flac', lossless),
  ),
  ...[8, 12, 15, 16, 20, 24, 32].flatMap((bits) => [
    flacBits(bits, 16000, 1),
    flacBits(bits, 44100, 2),
    flacBits(bits, 48000, 6),
  ]),
  ...[16, 192, 576, 4608, 32768, 65535].map((size) =>
    byTool(`flac-block${size}.flac`, 'FLAC', 44100, 2, `flac -s -f --lax -b ${size} -o OUT IN`, lossless),
  ),
  ...[0, 3, 5, 8].map((level) =>
    byTool(`flac-level${level}.flac`, 'FLAC', 44100, 2, `flac -s -f -${level} -o OUT IN`, lossless),
  ),
  byTool('flac-order32.flac', 'FLAC', 48000, 1, 'flac -s -f --lax -l 32 -b 4096 -o OUT IN', lossless),
  byTool('flac-noseek-nopad.flac', 'FLAC', 16000, 1, 'flac -s -f --no-padding --no-seektable -o OUT IN', lossless),
  byTool('flac-pad.flac', 'FLAC', 16000, 1, 'flac -s -f -P 200000 -S 1s -T TITLE=fLaC -o OUT IN', lossless),
  byFfmpeg('flac-s32.flac', 'FLAC', 44100, 2, '-c:a flac -sample_fmt s32', { ...lossless, bits: 24 }),
  byFfmpeg('flac-lpc-cholesky.flac', 'FLAC', 44100, 2, '-c:a flac -lpc_type cholesky -compression_level 12', lossless),
  byFfmpeg('flac-mid-side.flac', 'FLAC', 44100, 2, '-c:a flac -ch_mode mid_side', lossless),
  byFfmpeg('flac-left-side.flac', 'FLAC', 44100, 2, '-c:a flac -ch_mode left_side', lossless),
  {
    ...byFfmpeg('flac-id3.flac', 'FLAC', 16000, 1, '', lossless),
    make: async ({ run, source }, out) => {
      await run('flac', ['-s', '-f', '-o', out, await source(16000, 1)]);
      const tag = Buffer.from('ID3\x03\0\0\0\0\0\x14TIT2\0\0\0\x0a\0\0\0speech\0\0\0', 'latin1');
      await writeFile(out, Buffer.concat([tag.subarray(0, 30), await readFile(out)]));
    },
  },
  {
    ...byFfmpeg('flac-tail.flac', 'FLAC', 16000, 1, '', lossless),
    make: async ({ run, source }, out) => {
      await run('flac', ['-s', '-f', '-o', out, await source(16000, 1)]);
      await appendFile(out, `TAG${'x'.repeat(125)}`); // ID3v1
    },
  },
  {
    ...byFfmpeg('flac-unknown-length.flac', 'FLAC', 44100, 2, '', lossless),
    make: async ({ run, source }, out) => {
      await run('flac', ['-s', '-f', '-o', out, await source(44100, 2)]);
      const bytes = await readFile(out);
      bytes[21]! &= 0xf0; // STREAMINFO's number of samples, 36 bits
      bytes.fill(0, 22, 26);
      await writeFile(out, bytes);
    },
  },
  byTool('flac.oga', 'Ogg, FLAC', 44100, 2, 'flac -s -f --ogg -o OUT IN', lossless),
  byTool('flac-24.oga', 'Ogg, FLAC', 48000, 1, 'flac -s -f --ogg -o OUT IN', { ...lossless, bits: 24 }),
  byFfmpeg('flac-ffmpeg.ogg', 'Ogg, FLAC', 16000, 1, '-c:a flac', lossless),
  ...SHAPES.flatMap(([rate, channels]) => [
    byFfmpeg(`alac-${rate}-${channels}.m4a`, 'M4A, ALAC', rate, channels, '-c:a alac', lossless),
    byFfmpeg(`alac24-${rate}-${channels}.m4a`, 'M4A, ALAC', rate, channels, '-c:a alac -sample_fmt s32p', {
      ...lossless,
      bits: 24,
    }),
    byFfmpeg(`wavpack-${rate}-${channels}.wv`, 'WavPack', rate, channels, '-c:a wavpack', lossless),
    byFfmpeg(`tta-${rate}-${channels}.tta`, 'TTA', rate, channels, '-c:a tta', lossless),
  ]),
  byFfmpeg('alac-192.m4a', 'M4A, ALAC', 192000, 2, '-c:a alac', lossless),
  byFfmpeg('alac.caf', 'CAF, alac', 16000, 1, '-c:a alac', lossless),
  byFfmpeg('wavpack-float.wv', 'WavPack', 44100, 2, '-c:a wavpack -sample_fmt fltp', { ...lossless, bits: 32 }),
  byFfmpeg('wavpack-32.wv', 'WavPack', 44100, 2, '-c:a wavpack -sample_fmt s32p', { ...lossless, bits: 24 }),
  byFfmpeg('mlp.mlp', 'MLP', 48000, 2, '-c:a mlp -strict -2', lossless),
  byFfmpeg('truehd.thd', 'TrueHD', 48000, 2, '-c:a truehd -strict -2 -f truehd', lossless),
];
