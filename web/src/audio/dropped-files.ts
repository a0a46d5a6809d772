import { hasAudioExtension } from '../../../lib/audio/input/extensions.js';

/** Returns the dropped files, and the recordings in dropped folders and their subfolders. */
export async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  // All entries are read before the first await, after which the browser empties the list.
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
    // Chromium returns at most a hundred entries at a time.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return found;
    for (const child of entries) for (const file of await filesBelow(child, true)) found.push(file);
  }
}

function isRecording({ type, name }: File): boolean {
  return type.startsWith('audio/') || hasAudioExtension(name); // browsers know the types of few extensions
}
