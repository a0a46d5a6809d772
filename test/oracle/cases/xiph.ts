import { readFile, writeFile } from 'node:fs/promises';

import { byFfmpeg, byTool, type OracleCase, splitWords } from '../case.js';
import { RATES } from './linear.js';

/** Returns a case for a chain of Ogg files, each with its encoder, rate and channels. */
function chained(name: string, links: readonly [encoder: string, rate: number, channels: number][]): OracleCase {
  return {
    file: `ogg-chained-${name}.ogg`,
    format: 'Ogg, chained',
    lossless: false,
    frame: 4096,
    reference: 'ffmpeg',
    parts: links.length,
    make: async ({ run, source }, out) => {
      const parts: Buffer[] = [];
      for (const [i, [encoder, rate, channels]] of links.entries()) {
        const part = `${out}.${i}`;
        const args = ['-nostdin', '-loglevel', 'error', '-i', await source(rate, channels), ...splitWords(encoder)];
        await run('ffmpeg', [...args, '-serial_offset', `${i + 7}`, '-f', 'ogg', '-y', part]);
        parts.push(await readFile(part));
      }
      await writeFile(out, Buffer.concat(parts));
    },
  };
}

export const xiphCases: readonly OracleCase[] = [
  ...RATES.map((rate) => byFfmpeg(`vorbis-${rate}-1.ogg`, 'Ogg, Vorbis', rate, 1, '-c:a libvorbis')),
  byFfmpeg('vorbis-44100-2.ogg', 'Ogg, Vorbis', 44100, 2, '-c:a libvorbis'),
  byFfmpeg('vorbis-48000-6.ogg', 'Ogg, Vorbis', 48000, 6, '-c:a libvorbis'),
  byTool('vorbis-oggenc.ogg', 'Ogg, Vorbis', 44100, 2, 'oggenc -Q -q 3 -o OUT IN'),
  byTool('vorbis-oggenc-8k.oga', 'Ogg, Vorbis', 8000, 1, 'oggenc -Q -q 3 -o OUT IN'),
  byTool('vorbis-managed.ogg', 'Ogg, Vorbis', 44100, 2, 'oggenc -Q --managed -b 64 -c comment=OpusHead -o OUT IN'),
  byTool('vorbis-sndfile.ogg', 'Ogg, Vorbis', 16000, 1, 'sndfile-convert -vorbis IN OUT'),
  ...[8000, 16000, 24000, 44100, 48000].map((rate) =>
    byTool(`opus-${rate}.opus`, 'Ogg, Opus', rate, 1, 'opusenc --quiet IN OUT'),
  ),
  byTool('opus-48000-2.opus', 'Ogg, Opus', 48000, 2, 'opusenc --quiet IN OUT'),
  byTool('opus-48000-6.opus', 'Ogg, Opus', 48000, 6, 'opusenc --quiet IN OUT'),
  ...['2.5', '5', '10', '40', '60'].map((ms) =>
    byTool(`opus-frame${ms}.opus`, 'Ogg, Opus', 48000, 1, `opusenc --quiet --framesize ${ms} IN OUT`),
  ),
  byTool('opus-6k.opus', 'Ogg, Opus', 16000, 1, 'opusenc --quiet --bitrate 6 IN OUT', { reference: 'libopus' }),
  byTool(
    'opus-picture-comment.opus',
    'Ogg, Opus',
    16000,
    1,
    'opusenc --quiet --comment a=vorbis --padding 70000 IN OUT',
  ),
  byFfmpeg('opus-gain.opus', 'Ogg, Opus', 48000, 1, '-c:a libopus -application voip'),
  byFfmpeg('opus-dtx.opus', 'Ogg, Opus', 16000, 1, '-c:a libopus -application voip -dtx 1 -b:a 12k -vbr on'),
  byFfmpeg('opus-delay.ogg', 'Ogg, Opus', 48000, 2, '-c:a libopus -application lowdelay -frame_duration 10'),
  ...['8000 1', '16000 1', '16000 2', '32000 1'].map((shape) => {
    const [rate, channels] = shape.split(' ').map(Number) as [number, number];
    return byFfmpeg(`speex-${rate}-${channels}.spx`, 'Ogg, Speex', rate, channels, '-c:a libspeex -f ogg', {
      frame: 640,
    });
  }),
  chained('vorbis', [
    ['-c:a libvorbis', 44100, 2],
    ['-c:a libvorbis', 44100, 2],
  ]),
  chained('vorbis-rates', [
    ['-c:a libvorbis', 44100, 1],
    ['-c:a libvorbis', 22050, 1],
  ]),
  chained('vorbis-channels', [
    ['-c:a libvorbis', 44100, 1],
    ['-c:a libvorbis', 44100, 2],
  ]),
  chained('opus', [
    ['-c:a libopus', 48000, 1],
    ['-c:a libopus', 48000, 1],
  ]),
  chained('opus-channels', [
    ['-c:a libopus', 48000, 2],
    ['-c:a libopus', 48000, 1],
  ]),
  chained('vorbis-opus', [
    ['-c:a libvorbis', 48000, 1],
    ['-c:a libopus', 48000, 1],
  ]),
  chained('flac', [
    ['-c:a flac', 16000, 1],
    ['-c:a flac', 16000, 1],
  ]),
  byFfmpeg(
    'theora.ogv',
    'Ogg, video',
    44100,
    2,
    '-f lavfi -i testsrc=s=64x48:d=3 -c:v libtheora -c:a libvorbis -map 1:v -map 0:a',
  ),
];
