/**
 * Formats that what is built in may refuse, with ERR_AUDIO_DECODE: ffmpeg reads them where it is there. All others are read.
 */
export const MAY_BE_REFUSED: readonly (string | RegExp)[] = [
  'WAV, adpcm_yamaha',
  /^WAV, (G\.72[36].*|AC-3|WMA|DTS)$/,
  /^(NUT|FLV|MPEG-TS|MPEG-PS|ASF|SWF|WTV|MXF|RealMedia)\b/,
  /^(PAF|SVX|8SVX|MAT|PVF|SDS|SOX|HCOM|AVR|MAUD|ADX|AST|RSO|MMF|Psion)\b/,
  /^(Codec 2|SBC|aptX|MLP|TrueHD|AAC, LATM|Ogg, Speex|G\.722, raw|GSM 6\.10, raw)$/,
  /^MP4, (truehd|vorbis)$/,
  /^MOV, (adpcm_.*|GSM 6\.10)$/,
  /^MKV, (mp2|tta|wavpack|truehd|pcm_mulaw|pcm_alaw|wmav2|adpcm_ima_wav|real_144)$/,
  /^AVI, (mp2|adpcm_.*|wmav2)$/,
  /^CAF, (opus|mp3lame|ac3|mp2|flac)$/,
  'G.711, raw',
];

/** Files of other formats. */
export const FILES_MAY_BE_REFUSED: readonly RegExp[] = [
  /^sndfile-dwvw/,
  /^wavpack-48000-6/, // channels in several blocks
  /^ogg-chained-vorbis-opus/, // another codec on the way
];

export function mayBeRefused({ file, format }: { file: string; format: string }): boolean {
  return (
    MAY_BE_REFUSED.some((one) => (typeof one === 'string' ? one === format : one.test(format))) ||
    FILES_MAY_BE_REFUSED.some((one) => one.test(file))
  );
}
