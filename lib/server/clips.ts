import type { FastifyBaseLogger } from 'fastify';

import { messageOf } from '../shared/errors.js';
import type { Progress } from '../options/types.js';
import type { EmotionRecognizer } from '../recognition/recognizer.js';
import type { RecognitionResult } from '../recognition/result.js';
import { newId } from './clip-id.js';
import type { ServerMetrics } from './metrics.js';
import type { ResultStore } from './result-store.js';
import type { Retention } from './retention.js';
import type { ClipOptions, ClipResult } from './schemas.js';
import type { Upload } from './spool.js';

export interface ClipLimits {
  /** Of decoded audio. */
  duration: number;
  /** For a clip as a whole, from when it was uploaded. */
  timeoutMs: number;
}

export interface HearOptions {
  signal: AbortSignal;
  log: FastifyBaseLogger;
  onProgress?: (progress: Progress) => void;
  /** The id of the batch that the clip belongs to. */
  batch?: string;
  /** Whether it waits for room in the queue, without a deadline. */
  waits?: boolean;
}

/** From an upload to a result that is kept. */
export class Clips {
  readonly #recognizer: EmotionRecognizer;
  readonly #limits: ClipLimits;
  readonly #metrics: ServerMetrics;
  /** Undefined where results are not kept. */
  readonly #kept: { store: ResultStore; retention: Retention } | undefined;

  constructor(
    recognizer: EmotionRecognizer,
    limits: ClipLimits,
    metrics: ServerMetrics,
    kept: { store: ResultStore; retention: Retention } | undefined,
  ) {
    this.#recognizer = recognizer;
    this.#limits = limits;
    this.#metrics = metrics;
    this.#kept = kept;
  }

  /**
   * Hears an upload, keeps what was found and removes the upload, whatever happens.
   * @throws EmotionError as EmotionRecognizer.recognize
   */
  async hear(upload: Upload, options: ClipOptions, call: HearOptions): Promise<ClipResult> {
    const { signal, log, onProgress, batch, waits } = call;
    const { granularity, embedding, window, timeline_window, timeline_hop } = options;
    const { duration: maxDuration, timeoutMs } = this.#limits;
    try {
      const result = await this.#recognizer.recognize(upload.source, {
        transfer: true,
        granularity,
        embedding,
        window,
        timeline: { window: timeline_window, hop: timeline_hop },
        processedAudio: this.#kept !== undefined,
        name: upload.name,
        maxDuration,
        signal,
        onProgress,
        ...(waits ? { whenFull: 'wait' } : { timeoutMs }),
      });
      this.#metrics.heard(result);
      const id = await this.#keep(upload.name, result, batch, log);
      const { emotion, duration, timing } = result;
      log.info({ clip: id, emotion, duration, timing, bytes: upload.bytes }, 'recognised');
      return { id, ...plain(upload.name, result, batch), ...inline(result) };
    } finally {
      await upload.remove();
    }
  }

  /** The id under which it is kept; null where it is not. A full disk costs the client nothing that he has now. */
  async #keep(
    file: string,
    result: RecognitionResult,
    batch: string | undefined,
    log: FastifyBaseLogger,
  ): Promise<string | null> {
    if (this.#kept === undefined) return null;
    const { store, retention } = this.#kept;
    const id = newId();
    const fail = (error: unknown): void =>
      log.error({ err: error, clip: id, code: 'ERR_FILE_WRITE' }, messageOf(error));
    try {
      await store.save(id, result, { id, ...plain(file, result, batch) }, fail);
    } catch (error) {
      fail(error);
      return null;
    }
    retention.added((result.processedAudio?.samples.byteLength ?? 0) + (result.embedding?.byteLength ?? 0));
    return id;
  }
}

/** What of a result is JSON. */
function plain(file: string, result: RecognitionResult, batch: string | undefined): Omit<ClipResult, 'id'> {
  const { embedding: _embedding, processedAudio: _audio, logits: _logits, ...rest } = result;
  return { file, createdAt: new Date().toISOString(), ...(batch !== undefined && { batch }), ...rest };
}

/** The clip's feature vector. Those of frames are too many numbers for JSON. */
function inline({ granularity, embedding }: RecognitionResult): { embedding?: number[] } {
  return embedding !== undefined && granularity === 'utterance' ? { embedding: Array.from(embedding) } : {};
}
