import { writeFile } from 'node:fs/promises';

import { byFfmpeg, byTool, type OracleCase, type SourceBits } from '../case.js';
import { chunk } from '../../support/audio-bytes.js';
import { makeWav, type WavFields } from '../make-wav.js';

export const RATES = [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000, 192000];
/** Sample rates and channels for formats that support all of them. */
export const SHAPES: readonly [number, number][] = [
  [8000, 1],
  [16000, 1],
  [44100, 2],
  [48000, 6],
];

/** Containers that are tested at each rate. The code that reads the others is the same. */
const ALL_RATES = ['WAV', 'W64', 'AIFF', 'CAF', 'AU'];

/** Returns cases for codecs of a container, by ffmpeg's names. */
function linear(extension: string, format: string, codecs: string, args = ''): OracleCase[] {
  return codecs.split(' ').flatMap((codec) => {
    const lossless = /^(pcm_[sfu]|alac|flac)/.test(codec);
    const bits: SourceBits = /24|32|64/.test(codec) ? 32 : 16;
    const all = codec.startsWith('pcm_s16') && ALL_RATES.includes(format);
    const shapes = all ? [...SHAPES, ...RATES.map((rate) => [rate, 1] as const)] : SHAPES;
    const kept = [...new Map(shapes.map((shape) => [shape.join(), shape])).values()];
    // ADPCM has at most two channels in these containers.
    return kept
      .filter(([, channels]) => channels <= 2 || !codec.includes('adpcm'))
      .map(([rate, channels]) =>
        byFfmpeg(
          `${format.toLowerCase()}-${codec}-${rate}-${channels}.${extension}`,
          `${format}, ${codec}`,
          rate,
          channels,
          `-c:a ${codec} ${args}`,
          { lossless, bits, frame: 2048 },
        ),
      );
  });
}

/** Returns a case for a WAV file that no tool writes. */
function handmade(name: string, shape: WavFields, reference?: OracleCase['reference']): OracleCase {
  const { rate, channels } = shape;
  return {
    file: `wav-${name}.wav`,
    format: 'WAV, headers by hand',
    lossless: true,
    frame: 0,
    reference: reference ?? { rate, channels },
    make: async ({ samples }, out) => writeFile(out, makeWav(await samples(rate, channels), shape)),
  };
}

const one = { rate: 16000, channels: 1 };
const two = { rate: 44100, channels: 2 };
const list = chunk('LIST', 'INFOINAM\x06\0\0\0speech');

export const linearCases: readonly OracleCase[] = [
  ...linear('wav', 'WAV', 'pcm_u8 pcm_s16le pcm_s24le pcm_s32le pcm_f32le pcm_f64le pcm_alaw pcm_mulaw'),
  ...linear('wav', 'WAV', 'adpcm_ima_wav adpcm_ms adpcm_yamaha'),
  ...linear('wav', 'RF64', 'pcm_s16le pcm_f32le', '-rf64 always'),
  ...linear('wav', 'WAV-bext', 'pcm_s16le', '-write_bext 1 -metadata title=speech -metadata comment=data'),
  ...linear('w64', 'W64', 'pcm_u8 pcm_s16le pcm_s24le pcm_s32le pcm_f32le pcm_f64le pcm_alaw pcm_mulaw'),
  ...linear('aiff', 'AIFF', 'pcm_s8 pcm_s16be pcm_s24be pcm_s32be'),
  ...linear('aifc', 'AIFC', 'pcm_s16le pcm_f32be pcm_f64be pcm_alaw pcm_mulaw adpcm_ima_qt', '-f aiff'),
  ...linear('aiff', 'AIFF-ID3', 'pcm_s16be', '-write_id3v2 1 -metadata title=SSND -metadata artist=speech'),
  ...linear(
    'caf',
    'CAF',
    'pcm_s8 pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be pcm_alaw pcm_mulaw adpcm_ima_qt alac',
  ),
  ...linear('au', 'AU', 'pcm_s8 pcm_s16be pcm_s24be pcm_s32be pcm_f32be pcm_f64be pcm_alaw pcm_mulaw'),
  ...linear('voc', 'VOC', 'pcm_u8 pcm_s16le pcm_alaw pcm_mulaw').filter(({ file }) => !file.includes('-6')),
  ...linear('sf', 'IRCAM', 'pcm_s16le pcm_f32le pcm_mulaw', '-f ircam'),
  ...linear('nut', 'NUT', 'pcm_s16le'),

  ...[8, 12, 16, 20, 24, 32].flatMap((bits) => [
    handmade(`bits${bits}`, { ...one, bits }),
    handmade(`bits${bits}-stereo`, { ...two, bits }),
    handmade(`bits${bits}-extensible`, { ...two, bits, extensible: true }),
  ]),
  handmade('bits24-in-4', { ...one, bits: 24, bytes: 4, extensible: true }),
  handmade('bits24-in-4-plain', { ...one, bits: 24, bytes: 4, container: 32 }),
  handmade('bits24-block4', { ...one, bits: 24, bytes: 4, container: 24 }),
  handmade('bits24-block8-stereo', { ...two, bits: 24, bytes: 4, container: 24 }),
  handmade('bits20-in-4', { ...one, bits: 20, bytes: 4, extensible: true }),
  handmade('bits12-says16', { ...one, bits: 12, container: 16 }),
  handmade('float32-extensible', { ...two, bits: 32, float: true, extensible: true }),
  handmade('float64', { ...one, bits: 64, float: true }),
  handmade('mono-extensible', { ...one, bits: 16, extensible: true }),
  handmade('rifx16', { ...two, bits: 16, big: true }),
  handmade('rifx24', { ...one, bits: 24, big: true }),
  handmade('rifx-float', { ...one, bits: 32, float: true, big: true }),
  handmade('rf64', { ...two, bits: 16, form: 'RF64' }),
  handmade('bw64', { ...two, bits: 24, form: 'BW64' }),
  handmade('data0', { ...one, bits: 16, dataSize: 0, riffSize: 0 }),
  handmade('data0-riff-right', { ...two, bits: 16, dataSize: 0 }),
  handmade('data-ffffffff', { ...one, bits: 16, dataSize: 0xffffffff, riffSize: 0xffffffff }),
  handmade('data-7ffff000', { ...two, bits: 24, dataSize: 0x7ffff000, riffSize: 0x7ffff024 }),
  handmade('riff0', { ...one, bits: 16, riffSize: 0 }),
  handmade('list-before', { ...one, bits: 16, before: [list] }),
  handmade('list-between', { ...two, bits: 16, between: [list, chunk('fact', Buffer.alloc(4))] }),
  handmade('list-after', { ...two, bits: 16, after: [list] }),
  handmade('odd-u8', { ...one, rate: 11025, bits: 8, after: [list] }),
  handmade('odd-u8-unpadded', { ...one, rate: 11025, bits: 8, after: [list], padded: false }),
  handmade('fmt18', { ...one, bits: 16, formatSize: 18 }),
  handmade('fmt20', { ...one, bits: 16, formatSize: 20 }),
  handmade('id3-after', { ...one, bits: 16, after: [chunk('id3 ', 'ID3\x03\0\0\0\0\0\0')] }),

  ...(['wav', 'aiff', 'caf', 'au'] as const).flatMap((extension) =>
    ['-pcm16', '-pcm24', '-pcm32', '-float32', '-float64', '-ulaw', '-alaw'].map((encoding) =>
      byTool(
        `sndfile${encoding}.${extension === 'aiff' ? 'aif' : extension}`,
        `${extension.toUpperCase()}, by libsndfile`,
        44100,
        2,
        `sndfile-convert ${encoding} IN OUT`,
        { lossless: !encoding.includes('law'), bits: 32, reference: 'sndfile', frame: 0 },
      ),
    ),
  ),
  ...['-pcms8 aif', '-pcmu8 wav', '-pcms8 au', '-pcms8 caf', '-pcmu8 voc', '-pcm16 voc', '-pcm16 nist', '-pcm24 nist']
    .concat(['-ulaw nist', '-alaw nist', '-pcm16 w64', '-float32 w64', '-ulaw w64', '-ima-adpcm w64', '-gsm610 w64'])
    .concat(['-pcm16 sf', '-float32 sf', '-pcm16 paf', '-pcm24 paf', '-pcm16 svx', '-pcm16 mat', '-float64 mat'])
    .concat(['-pcm16 rf64', '-pcm24 rf64', '-float32 rf64', '-pcm16 wavex', '-alac16 caf', '-alac20 caf'])
    .concat(['-alac24 caf', '-alac32 caf', '-ima-adpcm wav', '-ms-adpcm wav', '-gsm610 wav', '-ima-adpcm aif'])
    .concat(['-gsm610 aif', '-dwvw16 aif', '-dwvw24 aif', '-pcmu8 aif', '-endian=little -pcm16 aif'])
    .concat(['-endian=big -pcm16 wav', '-endian=little -pcm16 au', '-endian=little -pcm24 caf'])
    .concat(['-endian=little -ulaw au', '-endian=little -float32 au', '-pcm16 pvf', '-pcms8 svx', '-pcm16 sds'])
    .map((line) => {
      const extension = line.split(' ').at(-1)!;
      const encoding = line.slice(0, -extension.length - 1);
      const lossy = /law|adpcm|gsm|dwvw/.test(encoding);
      const narrow = /gsm|dwvw|pcms8 svx|xi|sds|pcm16 svx/.test(line);
      return byTool(
        `sndfile${encoding.replaceAll(' ', '')}-${extension}.${extension}`,
        `${extension.toUpperCase()}, by libsndfile`,
        narrow ? 8000 : 16000,
        narrow ? 1 : 2,
        `sndfile-convert ${encoding} IN OUT`,
        { lossless: !lossy, bits: 32, reference: 'sndfile', frame: 2048 },
      );
    }),

  ...['-b 8 nist', '-b 16 nist', '-e mu-law nist', '-e a-law nist', '-B -b 16 wav', '-B -b 24 wav']
    .concat([
      '-b 16 aiff',
      '-b 24 aiff',
      '-b 8 aiff',
      '-b 32 aiff',
      '-e gsm wav',
      '-e ima-adpcm wav',
      '-e ms-adpcm wav',
    ])
    .concat(['-b 16 au', '-b 8 voc', '-b 16 voc', '-b 16 sox', '-b 16 w64', '-b 16 caf', '-b 8 8svx', '-b 8 hcom'])
    .concat(['-b 16 avr', '-b 16 maud', '-b 16 ircam'])
    .map((line) => {
      const extension = line.split(' ').at(-1)!;
      const narrow = /hcom|smp|sndt|gsm|8svx|prc/.test(line);
      const lossy = /law|adpcm|gsm|hcom|prc/.test(line);
      return byTool(
        `sox${line.replaceAll(' ', '')}.${extension}`,
        `${extension.toUpperCase()}, by sox`,
        extension === 'hcom' ? 22050 : narrow ? 8000 : 16000,
        narrow ? 1 : 2,
        `sox -D IN ${line.slice(0, -extension.length)} OUT`,
        // ffmpeg and libsndfile do not read 24-bit RIFX.
        {
          lossless: !lossy,
          frame: lossy ? 2048 : 0,
          ...(line.startsWith('-B') && { reference: { rate: 16000, channels: 2 } }),
        },
      );
    }),
];
