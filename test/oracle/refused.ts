/**
 * Formats that the built-in decoders may refuse with ERR_AUDIO_DECODE. ffmpeg reads most of them. All other formats must be read
 * without ffmpeg.
 */
const FORMATS: readonly RegExp[] = [
  /^WAV, (adpcm_yamaha|GSM 6\.10|G\.72[236].*|AC-3|WMA|DTS)$/,
  /^(NUT|FLV|MPEG-TS|MPEG-PS|AVI|WMA|ASF|SWF|WTV|MXF|RealMedia)\b/,
  /^(PAF|SVX|8SVX|MAT|PVF|SDS|SOX|HCOM|AVR|MAUD|ADX|AST|RSO|MMF|Psion)\b/,
  /^(AC-3|E-AC-3|DTS|MLP|TrueHD|TTA|Codec 2|SBC|aptX|AAC, LATM|Ogg, Speex)$/,
  /^(G\.711|G\.722|GSM 6\.10), raw$/,
  /^MP3, free format$/,
  /^(MP4|MOV), (ac3|eac3|dca|truehd|vorbis|adpcm_.*|GSM 6\.10)$/,
  /^MKV, (ac3|eac3|dca|truehd|tta|wavpack|pcm_mulaw|pcm_alaw|wmav2|adpcm_ima_wav|real_144)$/,
  /^CAF, (alac|opus|mp3lame|ac3|mp2|flac)$/,
];

/** Files of other formats that may be refused: codecs that libsndfile and sox write to them, and two special cases. */
const FILES: readonly RegExp[] = [
  /^sndfile-(dwvw|alac|gsm610)/,
  /^sox-egsm/,
  /^wavpack-48000-6/, // channels in several blocks
  /^ogg-chained-vorbis-opus/, // a change of codec
];

export function mayBeRefused({ file, format }: { file: string; format: string }): boolean {
  return FORMATS.some((one) => one.test(format)) || FILES.some((one) => one.test(file));
}
