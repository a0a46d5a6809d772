import path from 'node:path';

import { removeUnfinished, writeClipFolder } from '../output/clip-folder.js';
import { toJson } from '../output/outcome.js';
import type { RecognitionResult } from '../recognition/result.js';
import { EmotionError, messageOf } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import { removeLeftovers } from '../shared/whole-file.js';

/** Writes the result of each clip to a folder of its own below a root folder. */
export class OutputFolder {
  readonly #root: string;
  readonly #names: ReadonlyMap<string, string>;

  private constructor(root: string, names: ReadonlyMap<string, string>) {
    this.#root = root;
    this.#names = names;
  }

  /** Opens the root folder for these clips and removes the leftovers of killed processes from it. */
  static async open(root: string, files: readonly string[]): Promise<OutputFolder> {
    const names = folderNames(files);
    await removeLeftovers(root, names.values());
    return new OutputFolder(root, names);
  }

  /**
   * Writes result.json, processed_audio.wav and, if the result contains an embedding, embedding.npy. The result appears only
   * when it is complete.
   * @throws EmotionError ERR_FILE_WRITE
   */
  async write(file: string, result: RecognitionResult): Promise<void> {
    const folder = this.#folderOf(file);
    const { embedding: _, ...rest } = result; // embedding.npy holds it
    try {
      await writeClipFolder(folder, result, toJson({ file, result: rest }));
    } catch (cause) {
      throw new EmotionError(
        'ERR_FILE_WRITE',
        `The results of ${shown(file)} could not be written to ${shown(folder)}: ${messageOf(cause)}`,
        { cause },
      );
    }
  }

  /** Removes the leftovers of a killed process for a clip that has no result now. */
  async removeUnfinished(file: string): Promise<void> {
    await removeUnfinished(this.#folderOf(file));
  }

  #folderOf(file: string): string {
    return path.join(this.#root, this.#names.get(file)!);
  }
}

/**
 * Maps each clip to the name of its folder: the name of the file without its extension. When several clips share that name,
 * the second one keeps its extension and the others are numbered.
 */
export function folderNames(files: readonly string[]): Map<string, string> {
  const taken = new Set(['', '.', '..']);
  const numbers = new Map<string, number>();
  const names = new Map<string, string>();
  for (const file of files) {
    const { name, base } = path.parse(file);
    let chosen = [name, base].find((candidate) => !taken.has(candidate));
    for (let number = numbers.get(name) ?? 2; chosen === undefined; number++) {
      numbers.set(name, number + 1);
      const candidate = `${name}-${number}`;
      if (!taken.has(candidate)) chosen = candidate;
    }
    taken.add(chosen);
    names.set(file, chosen);
  }
  return names;
}
