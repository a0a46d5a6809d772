import path from 'node:path';

import { EmotionError, messageOf } from '../shared/errors.js';
import { removeUnfinished, writeClipFolder } from '../output/clip-folder.js';
import { toJson } from '../output/outcome.js';
import type { RecognitionResult } from '../recognition/result.js';
import { removeLeftovers } from '../shared/whole-file.js';
import { shown } from '../shared/text.js';

/** Writes what was found of each clip into a folder of its own. */
export class OutputFolder {
  readonly #root: string;
  readonly #names: ReadonlyMap<string, string>;

  private constructor(root: string, names: ReadonlyMap<string, string>) {
    this.#root = root;
    this.#names = names;
  }

  /** For these clips; what killed processes left in the folder goes. */
  static async open(root: string, files: readonly string[]): Promise<OutputFolder> {
    const names = namesOf(files);
    await removeLeftovers(root, names.values());
    return new OutputFolder(root, names);
  }

  /**
   * Writes result.json, processed_audio.wav and, when the result has one, embedding.npy.
   * @throws EmotionError ERR_FILE_WRITE; a result appears only when it is whole
   */
  async write(file: string, result: RecognitionResult): Promise<void> {
    const folder = this.#folderOf(file);
    const { embedding: _, ...rest } = result; // the numbers are in the .npy
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

  /** For a clip that there is no result of: what a killed process left of one goes. */
  async writeNothing(file: string): Promise<void> {
    await removeUnfinished(this.#folderOf(file));
  }

  #folderOf(file: string): string {
    return path.join(this.#root, this.#names.get(file)!);
  }
}

/** A clip's name without its ending; of clips that share one, the second keeps its ending and others get a number. */
export function namesOf(files: readonly string[]): Map<string, string> {
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
