import { EmotionError, messageOf } from '../shared/errors.js';
import { brief } from './brief.js';
import { type Refuse, ZipFile } from './zip-file.js';

/** What was verified. */
export interface Verified {
  members: number;
  /** Of their contents. */
  bytes: number;
}

export function refuseModel(archive: string): Refuse {
  return (why, { kind, ...options } = {}) => {
    const what = `${brief(archive)} cannot be read: ${why}`;
    return new EmotionError('ERR_MODEL_LOAD', what, { ...(kind && { remedy: kind.remedy }), ...options });
  };
}

/** Opens an archive; whatever is wrong is ERR_MODEL_LOAD. */
export async function openArchive(archive: string): Promise<ZipFile> {
  const refuse = refuseModel(archive);
  return ZipFile.open(archive, refuse).catch((cause: unknown) => {
    throw cause instanceof EmotionError ? cause : refuse(brief(messageOf(cause)), { cause });
  });
}

/**
 * Reads an archive, or a checkpoint, and compares every member with its checksum and its header with the directory: libtorch
 * does neither. Reads a megabyte at a time without keeping the thread.
 * @throws EmotionError ERR_MODEL_LOAD naming the member that is damaged; the signal's reason
 */
export async function verifyArchive(archive: string, { signal }: { signal?: AbortSignal } = {}): Promise<Verified> {
  signal?.throwIfAborted();
  await using zip = await openArchive(archive);
  let bytes = 0;
  for (const member of zip.members.values()) {
    signal?.throwIfAborted();
    await zip.verify(member, signal);
    bytes += member.bytes;
  }
  return { members: zip.members.size, bytes };
}
