import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { describeIssues } from '../options/parse.js';
import { CLIP_FILES, createClipFolder } from '../output/clip-folder.js';
import { makeFolder } from '../output/folder.js';
import type { RecognitionResult } from '../recognition/result.js';
import { EmotionError, hasSystemCode, messageOf } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import { CLIP_ID } from './clip-id.js';
import { isProcessedAudio } from './peaks.js';
import { batchList, type BatchList, type ClipResult, storedResult, type ResultSummary } from './schemas/results.js';
import { InvalidFile, readStoredHead, readStoredJson, versionOf } from './stored-file.js';

/** Maximum number of results that are still being written after their answers have been sent. */
const MAX_SAVING = 8;
/** Number of bytes that identify the kind of a file. */
const HEAD_BYTES = 58;
const BATCH_ENDING = '.batch.json';

/** Maximum size of a result.json or a batch list. A timeline of a day in steps of half a second takes half of it. */
const MAX_JSON_BYTES = 128 * 2 ** 20;
/** Maximum number of invalid files that are remembered, so that each is logged once. */
const MAX_REPORTED = 10_000;

/**
 * The results in the output folder: one folder for each clip, named by its id, with the files that `recognize --output` writes.
 * Other processes may share the folder, so whatever is cached is checked against the version of its file. Files that are not
 * results are ignored and reported once.
 */
export class ResultStore {
  readonly folder: string;
  readonly #onInvalidFile: (error: InvalidFile) => void;
  /** Summaries of results that have been read. */
  readonly #summaries = new Map<string, { version: string; summary: ResultSummary }>();
  readonly #reported = new Set<string>();

  readonly #saving = new Map<string, Promise<unknown>>();
  /** Whether the last result could not be written, for example because the disk is full. */
  #failing = false;

  private constructor(folder: string, onInvalidFile: (error: InvalidFile) => void) {
    this.folder = folder;
    this.#onInvalidFile = onInvalidFile;
  }

  /**
   * @param onInvalidFile is called once for each file whose content does not match its name
   * @throws EmotionError ERR_FILE_WRITE if the folder is not writable
   */
  static async open(folder: string, onInvalidFile: (error: InvalidFile) => void = () => {}): Promise<ResultStore> {
    await makeFolder(folder);
    return new ResultStore(path.resolve(folder), onInvalidFile);
  }

  /**
   * Keeps a result, which appears complete or not at all. Resolves when the answer may be sent. Usually that is before the result
   * is on the disk, and reading it waits; if many results are being written or the last one failed, it is after.
   * @param json what `get` returns
   * @throws EmotionError ERR_FILE_WRITE; `onFailure` receives one that occurs after the call has resolved
   */
  async save(
    id: string,
    result: RecognitionResult,
    json: ClipResult,
    onFailure: (error: EmotionError) => void,
  ): Promise<void> {
    const [folder, part] = [path.join(this.folder, id), path.join(this.folder, `.part-${id}`)];
    // The answer is sent first, in this round of the event loop.
    const saving = setImmediate()
      .then(() => createClipFolder(folder, part, result, json))
      .then(
        () => (this.#failing = false),
        (cause: unknown) => {
          this.#failing = true;
          const what = `The result of ${shown(json.file)} could not be written to ${this.folder}: ${messageOf(cause)}`;
          throw new EmotionError('ERR_FILE_WRITE', what, { cause });
        },
      )
      .finally(() => this.#saving.delete(id));
    this.#saving.set(id, saving);
    if (this.#failing || this.#saving.size > MAX_SAVING) await saving;
    else saving.catch(onFailure);
  }

  /** Resolves when all results are on the disk, or have failed. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#saving.values());
  }

  /** Returns the result with this id; undefined if there is none. */
  async get(id: string): Promise<ClipResult | undefined> {
    await this.#saved(id);
    return this.#unlessInvalid(async () => {
      const file = this.pathOf(id, 'result');
      const json = await readStoredJson(file, MAX_JSON_BYTES);
      if (json === undefined) return undefined;
      const { error } = storedResult.safeParse(json, { reportInput: true });
      if (error !== undefined) throw new InvalidFile(file, `is not a result: ${describeIssues(error)}`);
      const result = json as ClipResult; // including fields of a later version
      if (result.id !== id) throw new InvalidFile(file, 'has the id of another result');
      return result;
    });
  }

  /** Returns whether there is a result with this id that has such a file. */
  async has(id: string, kind: 'embedding' | 'processedAudio'): Promise<boolean> {
    if ((await this.#summary(id)) === undefined) return false;
    const found = await this.#unlessInvalid(async () => {
      const file = this.pathOf(id, kind);
      const head = await readStoredHead(file, HEAD_BYTES);
      const isValid = kind === 'embedding' ? isNpy : isProcessedAudio;
      if (head !== undefined && !isValid(head)) throw new InvalidFile(file, 'has another format');
      return head;
    });
    return found !== undefined;
  }

  /** Lists results, newest first: at most `limit` of those that are older than `before`. */
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

  /** Returns the ids of all results, oldest first. */
  async ids(): Promise<string[]> {
    await this.settled();
    const ids = (await this.names()).filter((name) => CLIP_ID.test(name)).sort();
    if (this.#summaries.size > 2 * ids.length) this.#summaries.clear(); // most of them were deleted
    return ids;
  }

  /** Returns the names of everything in the folder; none if the folder was removed. */
  async names(): Promise<string[]> {
    try {
      return await readdir(this.folder);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  /** Deletes a result at once; open files can still be read. Returns false if there is none with this id. */
  async delete(id: string): Promise<boolean> {
    await this.#saved(id);
    const gone = path.join(this.folder, `.gone-${id}`);
    await rm(gone, { recursive: true, force: true }); // left by a process that was killed
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
      await rm(part, { force: true }).catch(() => undefined); // a folder above may be gone
      throw new EmotionError(
        'ERR_FILE_WRITE',
        `The batch list could not be written to ${this.folder}: ${messageOf(cause)}`,
        {
          cause,
        },
      );
    }
  }

  async getBatch(id: string): Promise<BatchList | undefined> {
    return this.#unlessInvalid(async () => {
      const file = path.join(this.folder, `${id}${BATCH_ENDING}`);
      const json = await readStoredJson(file, MAX_JSON_BYTES);
      if (json === undefined) return undefined;
      const { data, error } = batchList.safeParse(json, { reportInput: true });
      if (error !== undefined) throw new InvalidFile(file, `is not a batch list: ${describeIssues(error)}`);
      return data;
    });
  }

  /** Returns the path of a file of a result. */
  pathOf(id: string, kind: keyof typeof CLIP_FILES): string {
    return path.join(this.folder, id, CLIP_FILES[kind]);
  }

  async #saved(id: string): Promise<void> {
    await this.#saving.get(id)?.catch(() => undefined);
  }

  async #summary(id: string): Promise<ResultSummary | undefined> {
    await this.#saved(id);
    const version = await this.#unlessInvalid(() => versionOf(this.pathOf(id, 'result')));
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

  async #unlessInvalid<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof InvalidFile)) throw error;
      if (!this.#reported.has(error.message)) {
        if (this.#reported.size >= MAX_REPORTED) this.#reported.clear();
        this.#reported.add(error.message);
        this.#onInvalidFile(error);
      }
      return undefined;
    }
  }
}

function isNpy(head: Buffer): boolean {
  return head.toString('latin1', 0, 8) === '\x93NUMPY\x01\x00';
}

function isMissing(error: unknown): boolean {
  return hasSystemCode(error, 'ENOENT', 'ENOTDIR');
}
