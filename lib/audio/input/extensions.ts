/**
 * Endings of files that may hold a recording: what folders are searched for. The one list; a file named outright is read whatever
 * it is called. Left out: music that is written in notes (MOD, MIDI).
 */
export const audioEndings = {
  /** Read by the package itself. */
  builtin: [
    ...['wav', 'wave', 'bwf', 'rf64', 'bw64', 'w64', 'aiff', 'aif', 'aifc', 'caf', 'au', 'snd'],
    ...[
      'mp3',
      'mp2',
      'mpa',
      'flac',
      'ogg',
      'oga',
      'ogv',
      'ogx',
      'opus',
      'aac',
      'adts',
      'm4a',
      'm4b',
      'm4r',
      'mp4',
      'm4v',
      'f4a',
      'f4v',
      'mov',
      '3gp',
      '3g2',
    ],
    ...['webm', 'weba', 'mkv', 'mka', 'avi', 'amr', 'awb', 'wma', 'asf', 'wmv'],
    ...['wv', 'ape', 'tta', 'qoa', 'mpc', 'ac3', 'eac3', 'dts', 'dsf', 'dff'],
  ],
  /** Read where `ffmpeg` is. */
  ffmpeg: [
    ...[
      'mp1',
      'mp2',
      'mpa',
      'spx',
      'ogv',
      'ogx',
      'gsm',
      'sph',
      'voc',
      'ra',
      'rm',
      'tak',
      'shn',
      'alac',
      'loas',
      'latm',
    ],
    ...['flv', 'mpg', 'mpeg', 'vob', 'mts', 'm2ts', 'mxf'],
  ],
} as const;

export const ALL_ENDINGS: readonly string[] = [...audioEndings.builtin, ...audioEndings.ffmpeg];

const ENDING = new RegExp(`\\.(${ALL_ENDINGS.join('|')})$`, 'i');

export function hasAudioEnding(name: string): boolean {
  return ENDING.test(name);
}
