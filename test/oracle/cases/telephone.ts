import { byFfmpeg, byTool, type OracleCase, QUIET } from '../case.js';

/** Formats of call centers, phones and recorders. */
export const telephoneCases: readonly OracleCase[] = [
  byFfmpeg('gsm.wav', 'WAV, GSM 6.10', 8000, 1, '-c:a gsm_ms', { frame: 320 }),
  byFfmpeg('gsm.gsm', 'GSM 6.10, raw', 8000, 1, '-c:a gsm -f gsm', { frame: 320 }),
  byFfmpeg('gsm.mov', 'MOV, GSM 6.10', 8000, 1, '-c:a gsm', { frame: 320 }),
  byFfmpeg('g722.wav', 'WAV, G.722', 16000, 1, '-c:a g722 -f wav', { frame: 320 }),
  byFfmpeg('g722.g722', 'G.722, raw', 16000, 1, '-c:a g722', { frame: 320 }),
  ...[2, 3, 4, 5].map((size) =>
    byFfmpeg(`g726-${size}.wav`, 'WAV, G.726', 8000, 1, `-c:a g726 -code_size ${size} -f wav`, { frame: 320 }),
  ),
  byFfmpeg('g723.wav', 'WAV, G.723.1', 8000, 1, '-c:a g723_1 -b:a 6300 -f wav', { frame: 480 }),
  ...[16, 64].map((kbits) =>
    byFfmpeg(
      `mp3-in-wav-${kbits}.wav`,
      'WAV, MP3',
      kbits === 16 ? 16000 : 44100,
      kbits === 16 ? 1 : 2,
      `-c:a libmp3lame -b:a ${kbits}k`,
    ),
  ),
  byFfmpeg('mp2-in-wav.wav', 'WAV, MP2', 44100, 2, '-c:a mp2'),
  byFfmpeg('ac3-in-wav.wav', 'WAV, AC-3', 48000, 2, '-c:a ac3'),
  byFfmpeg('wma-in-wav.wav', 'WAV, WMA', 44100, 2, '-c:a wmav2'),
  byFfmpeg('dts-in-wav.wav', 'WAV, DTS', 48000, 2, '-c:a dca -strict -2'),
  byFfmpeg('raw.al', 'G.711, raw', 8000, 1, '-f alaw', { never: 'it has no header' }),
  byFfmpeg('raw.ul', 'G.711, raw', 8000, 1, '-f mulaw', { never: 'it has no header' }),
  // ffmpeg does not support the pauses (DTX) that sox writes.
  ...[0, 4, 7].map((mode) =>
    byTool(`amr-nb-${mode}.amr`, 'AMR', 8000, 1, `sox IN -t amr-nb -C ${mode} OUT`, {
      frame: 320,
      reference: 'sox',
    }),
  ),
  ...['3gp', 'mov'].map((extension): OracleCase => ({
    file: `amr-nb.${extension}`,
    format: `${extension.toUpperCase()}, AMR`,
    lossless: false,
    frame: 320,
    reference: 'sox',
    make: async ({ run, source }, out) => {
      await run('sox', [await source(8000, 1), '-t', 'amr-nb', `${out}.0`]);
      await run('ffmpeg', [...QUIET, '-f', 'amr', '-i', `${out}.0`, '-c', 'copy', '-y', out]);
    },
  })),
  byFfmpeg('aac.3gp', '3GP, AAC', 16000, 1, '-c:a aac'),
  byFfmpeg('codec2.c2', 'Codec 2', 8000, 1, '-c:a libcodec2 -mode 3200', { frame: 640 }),
  byFfmpeg('sbc.sbc', 'SBC', 16000, 1, '-c:a sbc', { frame: 1024 }),
  byFfmpeg('aptx.aptx', 'aptX', 48000, 2, '-c:a aptx'),
  byFfmpeg('realaudio.rm', 'RealMedia', 8000, 1, '-c:a real_144'),
  byFfmpeg('nellymoser.flv', 'FLV, Nellymoser', 16000, 1, '-c:a nellymoser'),
  byFfmpeg('speex.flv', 'FLV, Speex', 16000, 1, '-c:a libspeex'),
];
