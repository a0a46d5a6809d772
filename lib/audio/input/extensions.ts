/**
 * Extensions of audio files, including those that only ffmpeg reads. Folders are searched for files with these extensions; a file
 * that is named explicitly is read regardless of its extension. Formats of notes (MOD, MIDI) are not included.
 */
export const AUDIO_EXTENSIONS: readonly string[] = [
  'wav wave bwf rf64 bw64 w64 aiff aif aifc caf au snd sph voc',
  'mp1 mp2 mp3 mpa aac adts loas latm m4a m4b m4r mp4 m4v f4a f4v mov 3gp 3g2 alac',
  'flac ogg oga ogv ogx opus spx webm weba mkv mka avi wma asf wmv amr awb gsm ra rm',
  'wv ape tta tak shn qoa mpc ac3 eac3 dts dsf dff flv mpg mpeg vob mts m2ts mxf',
].flatMap((extensions) => extensions.split(' '));

const PATTERN = new RegExp(`\\.(${AUDIO_EXTENSIONS.join('|')})$`, 'i');

export function hasAudioExtension(name: string): boolean {
  return PATTERN.test(name);
}
