import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { EmotionError, messageOf } from '../errors.js';
import { CLIP_FILES, createClipFolder } from '../output/clip-folder.js';
import { makeFolder } from '../output/folder.js';
import type { RecognitionResult } from '../result.js';
import { ID } from './clip-id.js';
import type { ClipResult, ResultSummary } from './schemas.js';

/** Results on their way to the disk that nobody waits for. */
const MOST_SAVING = 8;
const BATCH_ENDING = '.batch.json';

/** Which clips a batch had: results that were kept, and those that there are none of. */
export interface BatchList {
  createdAt: string;
  clips: ({ file: string; id: string } | { file: string; error: { code: string; message: string } })[];
}

/**
 * What was found, in the output folder: a folder a clip, as `recognize --output` writes them, named by its id. The folder is
 * the truth, also for other processes that share it: nothing is remembered but what cannot change.
 */
export class ResultStore {
  readonly folder: string;
  /** Of results that were listed once. They do not change, they only go. */
  #summaries = new Map<string, ResultSummary>();

  readonly #saving = new Map<string, Promise<unknown>>();
  /** Whether the last one came to nothing: the disk may be full. */
  #failing = false;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @throws EmotionError ERR_FILE_WRITE where nothing can be kept there */
  static async open(folder: string): Promise<ResultStore> {
    await makeFolder(folder);
    return new ResultStore(path.resolve(folder));
  }

  /**
   * Keeps a result, which appears whole or not at all. Resolves when it may be told of: that is before it is on the disk, where
   * reading waits for it, unless many are on their way or the last one came to nothing.
   * @param json what `get` will give
   * @throws EmotionError ERR_FILE_WRITE; `onFailure` hears of one that comes later
   */
  async save(
    id: string,
    result: RecognitionResult,
    json: ClipResult,
    onFailure: (error: EmotionError) => void,
  ): Promise<void> {
    const [folder, part] = [path.join(this.folder, id), path.join(this.folder, `.part-${id}`)];
    // The answer goes first: it is on its way when the event loop comes round.
    const saving = setImmediate()
      .then(() => createClipFolder(folder, part, result, json))
      .then(
        () => (this.#failing = false),
        (cause: unknown) => {
          this.#failing = true;
          const what = `The result of ${json.file} could not be kept in ${this.folder}: ${messageOf(cause)}`;
          throw new EmotionError('ERR_FILE_WRITE', what, { cause });
        },
      )
      .finally(() => this.#saving.delete(id));
    this.#saving.set(id, saving);
    if (this.#failing || this.#saving.size > MOST_SAVING) await saving;
    else saving.catch(onFailure);
  }

  /** Resolves when all that was saved is on the disk, or has failed. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#saving.values());
  }

  /** Undefined where there is none with that id. */
  async get(id: string): Promise<ClipResult | undefined> {
    await this.#saved(id);
    return this.#readJson<ClipResult>(path.join(id, CLIP_FILES.result));
  }

  async has(id: string, kind: keyof typeof CLIP_FILES): Promise<boolean> {
    await this.#saved(id);
    return access(this.pathOf(id, kind)).then(
      () => true,
      () => false,
    );
  }

  /** The newest first, `limit` of those that are older than `before`. */
  async list({ limit, before }: { limit: number; before?: string | undefined }): Promise<{
    results: ResultSummary[];
    next: string | null;
  }> {
    const ids = (await this.ids()).filter((id) => before === undefined || id < before).reverse();
    const results: ResultSummary[] = [];
    let at = 0;
    for (; at < ids.length && results.length < limit; at++) {
      const summary = await this.#summary(ids[at]!);
      if (summary !== undefined) results.push(summary);
    }
    return { results, next: at < ids.length ? (results.at(-1)?.id ?? null) : null };
  }

  /** Of all results, the oldest first. */
  async ids(): Promise<string[]> {
    await this.settled();
    const ids = (await this.names()).filter((name) => ID.test(name)).sort();
    if (this.#summaries.size > 2 * ids.length) this.#summaries.clear(); // most of them are gone
    return ids;
  }

  /** Of all that lies in the folder, which may have been removed meanwhile. */
  async names(): Promise<string[]> {
    try {
      return await readdir(this.folder);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  /** False where there is none with that id. It vanishes at once; who is reading it reads on. */
  async delete(id: string): Promise<boolean> {
    await this.#saved(id);
    const gone = path.join(this.folder, `.gone-${id}`);
    try {
      await rename(path.join(this.folder, id), gone);
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
    this.#summaries.delete(id);
    await rm(gone, { recursive: true, force: true });
    return true;
  }

  async saveBatch(id: string, batch: BatchList): Promise<void> {
    const file = path.join(this.folder, `${id}${BATCH_ENDING}`);
    const part = path.join(this.folder, `.part-${id}`);
    try {
      await mkdir(this.folder, { recursive: true });
      await writeFile(part, JSON.stringify(batch));
      await rename(part, file);
    } catch (cause) {
      await rm(part, { force: true });
      throw new EmotionError('ERR_FILE_WRITE', `The batch could not be kept in ${this.folder}: ${messageOf(cause)}`, {
        cause,
      });
    }
  }

  async getBatch(id: string): Promise<BatchList | undefined> {
    return this.#readJson<BatchList>(`${id}${BATCH_ENDING}`);
  }

  /** The path of a file of a result that is there. */
  pathOf(id: string, kind: keyof typeof CLIP_FILES): string {
    return path.join(this.folder, id, CLIP_FILES[kind]);
  }

  async #saved(id: string): Promise<void> {
    await this.#saving.get(id)?.catch(() => undefined);
  }

  async #summary(id: string): Promise<ResultSummary | undefined> {
    const known = this.#summaries.get(id);
    if (known !== undefined) return known;
    const result = await this.get(id);
    if (result === undefined) return undefined;
    const { file, createdAt, batch, emotion, confidence, durationSeconds, granularity, embeddingShape } = result;
    const summary: ResultSummary = {
      id,
      file,
      createdAt,
      ...(batch !== undefined && { batch }),
      emotion,
      confidence,
      durationSeconds,
      granularity,
      hasEmbedding: embeddingShape !== undefined,
    };
    this.#summaries.set(id, summary);
    return summary;
  }

  async #readJson<T>(name: string): Promise<T | undefined> {
    try {
      return JSON.parse(await readFile(path.join(this.folder, name), 'utf8')) as T;
    } catch (error) {
      if (isMissing(error)) return undefined;
      if (error instanceof SyntaxError) return undefined; // cut short by somebody else's hand
      throw error;
    }
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
