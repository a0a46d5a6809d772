import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { EmotionError, messageOf } from '../shared/errors.js';
import { CLIP_FILES, createClipFolder } from '../output/clip-folder.js';
import { makeFolder } from '../output/folder.js';
import type { RecognitionResult } from '../recognition/result.js';
import { ID } from './clip-id.js';
import { issuesOf } from './errors.js';
import { isProcessedAudio } from './peaks.js';
import { batchList, type BatchList, type ClipResult, storedResult, type ResultSummary } from './schemas.js';
import { readStoredHead, readStoredJson, Rubbish, versionOf } from './stored-file.js';

/** Results on their way to the disk that nobody waits for. */
const MOST_SAVING = 8;
/** Of a file, enough to see what it is. */
const HEAD_BYTES = 58;
const BATCH_ENDING = '.batch.json';

/** Of a result.json, or a list of a batch; a timeline of a day in steps of half a second has half of it. */
const MOST_JSON_BYTES = 128 * 2 ** 20;
/** Of those that were named in the log. */
const MOST_RUBBISH = 10_000;

/**
 * What was found, in the output folder: a folder a clip, as `recognize --output` writes them, named by its id. The folder is
 * the truth, also for other processes that share it: nothing is remembered but with its file's version. What in it is no result
 * counts as nothing, and is named in the log.
 */
export class ResultStore {
  readonly folder: string;
  readonly #onRubbish: (error: Rubbish) => void;
  /** Of results that were read once. */
  readonly #summaries = new Map<string, { version: string; summary: ResultSummary }>();
  readonly #rubbish = new Set<string>();

  readonly #saving = new Map<string, Promise<unknown>>();
  /** Whether the last one came to nothing: the disk may be full. */
  #failing = false;

  private constructor(folder: string, onRubbish: (error: Rubbish) => void) {
    this.folder = folder;
    this.#onRubbish = onRubbish;
  }

  /**
   * @param onRubbish is called once for each file that should be a result's and is not
   * @throws EmotionError ERR_FILE_WRITE where nothing can be kept there
   */
  static async open(folder: string, onRubbish: (error: Rubbish) => void = () => {}): Promise<ResultStore> {
    await makeFolder(folder);
    return new ResultStore(path.resolve(folder), onRubbish);
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
    return this.#unlessRubbish(async () => {
      const file = this.pathOf(id, 'result');
      const json = await readStoredJson(file, MOST_JSON_BYTES);
      if (json === undefined) return undefined;
      const { error } = storedResult.safeParse(json);
      if (error !== undefined) throw new Rubbish(file, `is no result: ${issuesOf(error.issues)}`);
      const result = json as ClipResult; // with what a later version may have added
      if (result.id !== id) throw new Rubbish(file, 'is another result');
      return result;
    });
  }

  /** Whether there is a result with that id which has such a file. */
  async has(id: string, kind: 'embedding' | 'processedAudio'): Promise<boolean> {
    if ((await this.#summary(id)) === undefined) return false;
    const found = await this.#unlessRubbish(async () => {
      const file = this.pathOf(id, kind);
      const head = await readStoredHead(file, HEAD_BYTES);
      const isWhat = kind === 'embedding' ? isNpy : isProcessedAudio;
      if (head !== undefined && !isWhat(head)) throw new Rubbish(file, 'is something else');
      return head;
    });
    return found !== undefined;
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
    await rm(gone, { recursive: true, force: true }); // what a process left that was killed
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
    return this.#unlessRubbish(async () => {
      const file = path.join(this.folder, `${id}${BATCH_ENDING}`);
      const json = await readStoredJson(file, MOST_JSON_BYTES);
      if (json === undefined) return undefined;
      const { data, error } = batchList.safeParse(json);
      if (error !== undefined) throw new Rubbish(file, `is no list of a batch: ${issuesOf(error.issues)}`);
      return data;
    });
  }

  /** The path of a file of a result that is there. */
  pathOf(id: string, kind: keyof typeof CLIP_FILES): string {
    return path.join(this.folder, id, CLIP_FILES[kind]);
  }

  async #saved(id: string): Promise<void> {
    await this.#saving.get(id)?.catch(() => undefined);
  }

  async #summary(id: string): Promise<ResultSummary | undefined> {
    await this.#saved(id);
    const version = await this.#unlessRubbish(() => versionOf(this.pathOf(id, 'result')));
    if (version === undefined) return undefined;
    const known = this.#summaries.get(id);
    if (known?.version === version) return known.summary;
    const result = await this.get(id);
    if (result === undefined) return undefined;
    const { file, createdAt, batch, emotion, confidence, duration, granularity, embeddingShape } = result;
    const summary: ResultSummary = {
      id,
      file,
      createdAt,
      ...(batch !== undefined && { batch }),
      emotion,
      confidence,
      duration,
      granularity,
      hasEmbedding: embeddingShape !== undefined,
    };
    this.#summaries.set(id, { version, summary });
    return summary;
  }

  async #unlessRubbish<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof Rubbish)) throw error;
      if (!this.#rubbish.has(error.message)) {
        if (this.#rubbish.size >= MOST_RUBBISH) this.#rubbish.clear();
        this.#rubbish.add(error.message);
        this.#onRubbish(error);
      }
      return undefined;
    }
  }
}

function isNpy(head: Buffer): boolean {
  return head.toString('latin1', 0, 8) === '\x93NUMPY\x01\x00';
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
