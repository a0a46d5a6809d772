import { rename, rm } from 'node:fs/promises';

/**
 * Writes a file that appears under its name when it is whole.
 * @throws what `write` and the file system throw; nothing stays then
 */
export async function writeWhole(file: string, write: (part: string) => Promise<void>): Promise<void> {
  const part = `${file}.${process.pid}.part`;
  try {
    await write(part);
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
