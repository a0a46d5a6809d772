import { refuseModel } from './archive.js';
import { ZipFile } from './zip-file.js';

/** The extent of a verification. */
export interface Verified {
  /** Number of members of the archive. */
  members: number;
  /** Total size of their contents. */
  bytes: number;
}

/**
 * Reads an archive or a checkpoint and compares every member with its checksum and with its entry in the directory. libtorch does
 * neither. The file is read a megabyte at a time, so that the event loop is not blocked.
 * @throws EmotionError ERR_MODEL_LOAD, naming the damaged member; ERR_FILE_NOT_FOUND, ERR_FILE_READ; the reason of the signal
 */
export async function verifyArchive(archive: string, { signal }: { signal?: AbortSignal } = {}): Promise<Verified> {
  signal?.throwIfAborted();
  await using zip = await ZipFile.open(archive, refuseModel(archive));
  let bytes = 0;
  for (const member of zip.members.values()) {
    signal?.throwIfAborted();
    await zip.verify(member, signal);
    bytes += member.bytes;
  }
  return { members: zip.members.size, bytes };
}
