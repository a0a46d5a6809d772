/**
 * The demuxers that ffmpeg may use: those that open only the file that they are given. This excludes playlists (hls, dash,
 * concat), session descriptions (sdp), numbered images (image2) and everything that is synthesized from text.
 */
export const DEMUXERS: readonly string[] = [
  'aac ac3 act adx aea aiff amr ape asf ast au avi avr caf codec2 dhav dsf dss dts dtshd eac3 epaf flac flv g722 gsm gxf hcom iff',
  'ircam loas matroska mlp mmf mov mp3 mpc mpc8 mpeg mpegts mxf nistsphere nsv nut ogg oma pvf qcp rm rso sds shn sox swf tak',
  'truehd tta voc vqf w64 wav webm wsd wtv wv wve xwma',
].flatMap((names) => names.split(' '));
