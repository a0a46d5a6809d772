import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';

/** The environment variable that selects another ffmpeg than the one on the PATH. */
export const FFMPEG_VARIABLE = 'EMOTION2VEC_FFMPEG';

/** Returns the path of ffmpeg; undefined if it is not installed. */
export function findFfmpeg(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = env[FFMPEG_VARIABLE] || 'ffmpeg';
  if (named.includes('/')) return [path.resolve(named)].find(isProgram);
  const folders = (env.PATH ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  return folders.map((folder) => path.join(folder, named)).find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
