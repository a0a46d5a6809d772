import type { Progress } from '../options/types.js';
import type { EmotionRecognizer } from '../recognition/recognizer.js';
import type { RecognitionResult } from '../recognition/result.js';
import { messageOf } from '../shared/errors.js';
import type { FastifyBaseLogger } from '../vendor/server.js';
import { newId } from './clip-id.js';
import type { ServerMetrics } from './metrics.js';
import type { ResultStore } from './result-store.js';
import type { Retention } from './retention.js';
import type { ClipOptions } from './schemas/requests.js';
import type { ClipResult } from './schemas/results.js';
import type { Upload } from './spool.js';

export interface ClipLimits {
  /** Maximum duration of the decoded audio in seconds. */
  duration: number;
  /** Milliseconds that a clip may take from the end of its upload. */
  timeoutMs: number;
}

export interface RecognizeCall {
  signal: AbortSignal;
  log: FastifyBaseLogger;
  onProgress?: (progress: Progress) => void;
  /** Id of the batch that the clip belongs to. */
  batch?: string;
  /** Whether the clip waits for room in the queue, without a deadline. */
  waits?: boolean;
}

/** Recognizes uploads and keeps their results. */
export class Clips {
  readonly #recognizer: EmotionRecognizer;
  readonly #limits: ClipLimits;
  readonly #metrics: ServerMetrics;
  /** Undefined if results are not kept. */
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
   * Recognizes the emotion in an upload and keeps the result. The upload is removed in any case.
   * @throws EmotionError as EmotionRecognizer.recognize
   */
  async recognize(upload: Upload, options: ClipOptions, call: RecognizeCall): Promise<ClipResult> {
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
      this.#metrics.recognized(result);
      const id = await this.#keep(upload.name, result, batch, log);
      const { emotion, duration, timing } = result;
      log.info({ clip: id, emotion, duration, timing, bytes: upload.bytes }, 'recognized');
      return { id, ...jsonPart(upload.name, result, batch), ...clipEmbedding(result) };
    } finally {
      await upload.remove();
    }
  }

  /** Returns the id under which the result is kept, or null if it is not. A full disk does not fail the request. */
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
      await store.save(id, result, { id, ...jsonPart(file, result, batch) }, fail);
    } catch (error) {
      fail(error);
      return null;
    }
    retention.added((result.processedAudio?.samples.byteLength ?? 0) + (result.embedding?.byteLength ?? 0));
    return id;
  }
}

/** Returns the part of a result that is stored as JSON. */
function jsonPart(file: string, result: RecognitionResult, batch: string | undefined): Omit<ClipResult, 'id'> {
  const { embedding: _embedding, processedAudio: _audio, logits: _logits, ...rest } = result;
  return { file, createdAt: new Date().toISOString(), ...(batch !== undefined && { batch }), ...rest };
}

/** Returns the embedding of the clip, for the answer. The embeddings of frames are too large for JSON. */
function clipEmbedding({ granularity, embedding }: RecognitionResult): { embedding?: number[] } {
  return embedding !== undefined && granularity === 'utterance' ? { embedding: Array.from(embedding) } : {};
}
