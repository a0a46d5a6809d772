import path from 'node:path';

import { EmotionError, messageOf } from '../errors.js';
import { writeClipFolder } from '../output/clip-folder.js';
import { toJson } from '../output/outcome.js';
import type { RecognitionResult } from '../result.js';
import { shown } from '../text.js';

/** Writes what was found of each clip into a folder of its own. */
export class OutputFolder {
  readonly #root: string;
  readonly #taken = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Writes result.json, processed_audio.wav and, when the result has one, embedding.npy.
   * @returns the clip's folder
   * @throws EmotionError ERR_FILE_WRITE; a file appears under its name only when it is whole
   */
  async write(file: string, result: RecognitionResult): Promise<string> {
    const folder = path.join(this.#root, this.#nameFor(file));
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
    return folder;
  }

  /** The clip's name without its ending; of two clips that share one, the second keeps its ending or gets a number. */
  #nameFor(file: string): string {
    const { name, base } = path.parse(file);
    const candidates = [name, base, ...Array.from({ length: this.#taken.size + 1 }, (_, i) => `${name}-${i + 2}`)];
    const chosen = candidates.find((candidate) => candidate !== '' && !this.#taken.has(candidate))!;
    this.#taken.add(chosen);
    return chosen;
  }
}
