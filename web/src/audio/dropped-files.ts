import { hasAudioExtension } from '../../../lib/audio/input/extensions.js';

/** Files that were dropped, and the recordings in folders that were, however deep. */
export async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  // All entries before the first wait: the browser empties the list then.
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry());
  const files = [...transfer.files];
  if (!entries.some((entry) => entry?.isDirectory)) return files;
  const found = await Promise.all(entries.filter((entry) => entry !== null).map((entry) => filesBelow(entry)));
  return found.flat();
}

async function filesBelow(entry: FileSystemEntry, inFolder = false): Promise<File[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return !inFolder || isRecording(file) ? [file] : [];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    // A hundred at a time.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return found;
    for (const child of entries) for (const file of await filesBelow(child, true)) found.push(file);
  }
}

function isRecording({ type, name }: File): boolean {
  return type.startsWith('audio/') || hasAudioExtension(name); // browsers know the types of few endings
}
