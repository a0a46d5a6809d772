import { readFile, writeFile } from 'node:fs/promises';

import { byFfmpeg, byTool, type FileMaker, type OracleCase } from '../case.js';

const MP3_RATES = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000];

/** Returns a case for bytes that are assembled from MP3 files. */
function assembled(
  name: string,
  assemble: (mp3: (args: string, rate: number, channels: number) => Promise<Buffer>) => Promise<Buffer>,
): OracleCase {
  return {
    file: `mp3-${name}.mp3`,
    format: 'MP3, assembled',
    lossless: false,
    frame: 3000,
    reference: 'ffmpeg',
    ...(name.startsWith('joined') && { parts: 2 }),
    make: async (maker, out) => {
      let made = 0;
      await writeFile(
        out,
        await assemble((args, rate, channels) => lame(maker, `${out}.${made++}`, args, rate, channels)),
      );
    },
  };
}

async function lame(
  { run, source }: FileMaker,
  out: string,
  args: string,
  rate: number,
  channels: number,
): Promise<Buffer> {
  await run('lame', ['--quiet', ...args.split(' ').filter(Boolean), await source(rate, channels), out]);
  return readFile(out);
}

/** Returns an ID3v2.3 tag with one text frame. */
function id3(id: string, text: string, padding = 0): Buffer {
  const frame = Buffer.concat([Buffer.from(`${id}\0\0\0`), Buffer.from([text.length + 1, 0, 0, 0]), Buffer.from(text)]);
  const size = frame.length + padding;
  const head = Buffer.from([0x49, 0x44, 0x33, 3, 0, 0, 0, 0, (size >> 7) & 127, size & 127]);
  return Buffer.concat([head, frame, Buffer.alloc(padding)]);
}

const ape = Buffer.concat([
  Buffer.from('APETAGEX'),
  Buffer.from([0xd0, 7, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
  Buffer.alloc(8),
]);

export const mpegCases: readonly OracleCase[] = [
  ...MP3_RATES.flatMap((rate) =>
    [1, 2].map((channels) =>
      byTool(
        `mp3-${rate}-${channels}.mp3`,
        'MP3, MPEG 1, 2, 2.5',
        rate,
        channels,
        `lame --quiet --resample ${rate / 1000} -b 64 IN OUT`,
      ),
    ),
  ),
  ...MP3_RATES.map((rate) => byFfmpeg(`mp3-ffmpeg-${rate}.mp3`, 'MP3, MPEG 1, 2, 2.5', rate, 1, '-c:a libmp3lame')),
  byFfmpeg('mp3-shine.mp3', 'MP3, MPEG 1, 2, 2.5', 44100, 2, '-c:a libshine'),
  ...[
    '-V 0',
    '-V 9',
    '--abr 48',
    '-b 320',
    '-b 32',
    '-t',
    '-p',
    '-m d',
    '-m s',
    '-m m',
    '-m f',
    '--nores',
    '-q 9',
    '--strictly-enforce-ISO',
    '-f -b 8 --resample 8',
    '-h --vbr-old -V 4',
    '--lowpass 4',
  ].map((args) =>
    byTool(`mp3-lame${args.replaceAll(' ', '')}.mp3`, 'MP3, options of lame', 44100, 2, `lame --quiet ${args} IN OUT`),
  ),
  ...[100, 200, 400].map((kbits) =>
    byTool(`mp3-free${kbits}.mp3`, 'MP3, free format', 44100, 2, `lame --quiet --freeformat -b ${kbits} IN OUT`, {
      reference: { rate: 44100, channels: 2 },
    }),
  ),
  byTool('mp3-id3v1.mp3', 'MP3, tags', 16000, 1, 'lame --quiet --id3v1-only --tt Info IN OUT'),
  byTool('mp3-id3v2.mp3', 'MP3, tags', 16000, 1, 'lame --quiet --id3v2-only --tt Xing --tc LAME IN OUT'),
  byTool('mp3-id3v2-ucs.mp3', 'MP3, tags', 16000, 1, 'lame --quiet --add-id3v2 --id3v2-utf16 --tt VBRI IN OUT'),
  byTool(
    'mp3-id3v2-pad.mp3',
    'MP3, tags',
    16000,
    1,
    'lame --quiet --add-id3v2 --pad-id3v2-size 70000 --tt Info IN OUT',
  ),
  byFfmpeg(
    'mp3-id3v24.mp3',
    'MP3, tags',
    16000,
    1,
    '-c:a libmp3lame -id3v2_version 4 -write_id3v1 1 -metadata title=Infoforall',
  ),
  byFfmpeg('mp3-noxing.mp3', 'MP3, tags', 16000, 1, '-c:a libmp3lame -write_xing 0'),
  assembled('two-id3', async (mp3) =>
    Buffer.concat([id3('TIT2', 'one'), id3('TIT2', 'Info two', 100), await mp3('', 16000, 1)]),
  ),
  assembled('zeros', async (mp3) => Buffer.concat([Buffer.alloc(5000), await mp3('', 16000, 1)])),
  assembled('icy', async (mp3) =>
    Buffer.concat([
      Buffer.from('ICY 200 OK\r\nicy-name: x\r\ncontent-type: audio/mpeg\r\n\r\n'),
      await mp3('', 44100, 2),
    ]),
  ),
  assembled('http', async (mp3) =>
    Buffer.concat([Buffer.from('HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n'), await mp3('', 16000, 1)]),
  ),
  assembled('garbage', async (mp3) => Buffer.concat([Buffer.from('x'.repeat(700)), await mp3('', 16000, 1)])),
  assembled('ape', async (mp3) => Buffer.concat([await mp3('', 16000, 1), ape])),
  assembled('zeros-after', async (mp3) => Buffer.concat([await mp3('', 16000, 1), Buffer.alloc(10_000)])),
  assembled('starts-inside', async (mp3) => (await mp3('-t -b 64', 44100, 1)).subarray(300)),
  assembled('joined', async (mp3) => Buffer.concat([await mp3('', 44100, 2), await mp3('', 44100, 2)])),
  assembled('joined-t', async (mp3) => Buffer.concat([await mp3('-t', 44100, 2), await mp3('-t', 44100, 2)])),
  assembled('joined-id3', async (mp3) =>
    Buffer.concat([await mp3('--tt Info --add-id3v2', 16000, 1), await mp3('--tt Info --add-id3v2', 16000, 1)]),
  ),
  assembled('joined-rates', async (mp3) => Buffer.concat([await mp3('', 44100, 2), await mp3('', 22050, 2)])),
  assembled('joined-rates-up', async (mp3) => Buffer.concat([await mp3('', 16000, 1), await mp3('', 48000, 1)])),
  assembled('joined-channels', async (mp3) => Buffer.concat([await mp3('', 44100, 1), await mp3('', 44100, 2)])),
  assembled('joined-channels-down', async (mp3) => Buffer.concat([await mp3('', 44100, 2), await mp3('', 44100, 1)])),
  ...['16000 1', '22050 2', '24000 1', '32000 1', '44100 2', '48000 2'].map((shape) => {
    const [rate, channels] = shape.split(' ').map(Number) as [number, number];
    return byFfmpeg(`mp2-${rate}-${channels}.mp2`, 'MP2', rate, channels, '-c:a mp2', { frame: 1152 });
  }),
  byFfmpeg('mp2-as.mp3', 'MP2', 44100, 2, '-c:a mp2 -f mp2', { frame: 1152 }),
  byFfmpeg('twolame.mp2', 'MP2', 48000, 1, '-c:a libtwolame -b:a 96k', { frame: 1152 }),
  ...['8000 1', '11025 1', '16000 1', '22050 2', '24000 1', '32000 1', '44100 2', '48000 2', '48000 6', '96000 2'].map(
    (shape) => {
      const [rate, channels] = shape.split(' ').map(Number) as [number, number];
      return byFfmpeg(`aac-${rate}-${channels}.aac`, 'AAC, ADTS', rate, channels, '-c:a aac', { frame: 1024 });
    },
  ),
  byFfmpeg('aac.latm', 'AAC, LATM', 44100, 2, '-c:a aac -f latm', { frame: 1024 }),
  byFfmpeg('aac-id3.aac', 'AAC, ADTS', 44100, 2, '-c:a aac -write_id3v2 1 -metadata title=speech', { frame: 1024 }),
  ...['32000 1', '44100 2', '48000 6'].flatMap((shape) => {
    const [rate, channels] = shape.split(' ').map(Number) as [number, number];
    return [
      byFfmpeg(`ac3-${rate}-${channels}.ac3`, 'AC-3', rate, channels, '-c:a ac3', { frame: 1536 }),
      byFfmpeg(`eac3-${rate}-${channels}.eac3`, 'E-AC-3', rate, channels, '-c:a eac3', { frame: 1536 }),
    ];
  }),
  byFfmpeg('dts-48000-2.dts', 'DTS', 48000, 2, '-c:a dca -strict -2', { frame: 1024 }),
  byFfmpeg('dts-48000-6.dts', 'DTS', 48000, 6, '-c:a dca -strict -2', { frame: 1024 }),
];
