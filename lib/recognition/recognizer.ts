import { statSync } from 'node:fs';

import { audioBudget } from '../audio/decode.js';
import { stopInput, takeInput } from '../audio/input/take-input.js';
import type { AudioInput, Pcm } from '../audio/pcm.js';
import { type EmotionArchive, openEmotionArchive } from '../model/emotion-archive.js';
import { EmotionModel, type ModelOutput } from '../model/emotion-model.js';
import { resolveModel } from '../model/manifest.js';
import { type HolderLoad, ModelHolder } from '../model/model-holder.js';
import { ModelUse } from '../model/model-use.js';
import { parseOptions } from '../options/parse.js';
import {
  closeOptionsSchema,
  manyOptionsSchema,
  recognizeOptionsSchema,
  recognizerOptionsSchema,
  streamOptionsSchema,
} from '../options/schemas.js';
import type {
  CloseOptions,
  RecognizeManyOptions,
  RecognizeOptions,
  RecognizerOptions,
  RecognizeStreamOptions,
} from '../options/types.js';
import { modelRunner } from '../scheduler/model-batches.js';
import { Scheduler } from '../scheduler/scheduler.js';
import { hasCode } from '../shared/errors.js';
import { events, type LoadEvent } from '../shared/events.js';
import type * as z from '../vendor/zod.js';
import { ClipRunner, LOGITS_ONLY } from './clip-runner.js';
import { mapMany } from './many.js';
import { recognizeClip, type RequestSettings } from './request.js';
import type { ManyResult, RecognitionResult, StreamResult, Timing } from './result.js';
import type { MemoryUsage, ModelStatus, RecognizerStatus } from './status.js';
import { type AudioChunk, windowsOf } from './stream.js';

/** Number of clips that `recognizeMany` prepares beyond those in the model: one is decoded while another waits for a slot. */
const CLIPS_READY = 2;

/**
 * Recognizes emotions in speech.
 *
 * Creating a recognizer loads nothing. The first `recognize` or `warmUp` loads libtorch and the model on another thread, once for
 * any number of concurrent requests. All methods may be called concurrently; requests are queued.
 * Recognizers of all threads of a process share the weights of the same archive.
 *
 * ```js
 * const recognizer = new EmotionRecognizer();
 * const { emotion, confidence } = await recognizer.recognize('call.wav');
 * await recognizer.close();
 * ```
 */
export class EmotionRecognizer implements AsyncDisposable {
  readonly #options: z.output<typeof recognizerOptionsSchema>;
  readonly #scheduler: Scheduler<Pcm, ModelOutput>;
  readonly #models: ModelHolder;

  /** @throws TypeError ERR_INVALID_OPTIONS if an option is unknown or its value is invalid */
  constructor(options: RecognizerOptions = {}) {
    this.#options = parseOptions(recognizerOptionsSchema, options);
    const { maxQueue, batchDelayMs, idleUnloadMs } = this.#options;
    this.#scheduler = new Scheduler({ maxRequests: maxQueue, batchDelayMs });
    this.#models = new ModelHolder(
      {
        open: async () => openEmotionArchive(resolveModel(this.#options.model)),
        load: (archive, how) => this.#load(archive, how),
      },
      idleUnloadMs,
    );
  }

  /**
   * Recognizes the emotion of one clip.
   * @param input the path of a file, a `file:` URL, the bytes of a file, a Blob, a stream or iterable of bytes, or raw mono
   *   samples
   * @throws TypeError if the input or an option is invalid
   * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_AUDIO_DECODE, ERR_DECODER_UNAVAILABLE, ERR_AUDIO_TOO_SHORT,
   *   ERR_AUDIO_TOO_LONG, ERR_AUDIO_NOT_FINITE, ERR_MODEL_NOT_FOUND, ERR_MODEL_LOAD, ERR_MODEL_RUN, ERR_LIBTORCH_MISSING,
   *   ERR_ADDON_MISSING, ERR_PLATFORM, ERR_DEVICE_UNAVAILABLE, ERR_PRECISION_UNSUPPORTED, ERR_OUT_OF_MEMORY, ERR_QUEUE_FULL,
   *   ERR_TIMEOUT, ERR_CLOSED
   * @throws the reason of `signal` once it aborts
   */
  async recognize(input: AudioInput, options: RecognizeOptions = {}): Promise<RecognitionResult> {
    return this.#recognize(input, parseOptions(recognizeOptionsSchema, options));
  }

  /**
   * Recognizes many clips with bounded memory and yields a result or an error for each. A few inputs are read ahead; no more
   * are read until results are consumed. An input that fails does not end the iteration. A stream among the inputs is opened when
   * it is decoded. If the queue is full, inputs wait for room. Leaving the loop cancels the requests under way.
   * @throws TypeError if the inputs are not iterable or an option is invalid
   * @throws EmotionError ERR_CLOSED if the recognizer is closed
   * @throws the reason of `signal` once it aborts, and the error of `inputs`, once the results before it were consumed
   */
  async *recognizeMany<I extends AudioInput>(
    inputs: Iterable<I> | AsyncIterable<I>,
    options: RecognizeManyOptions = {},
  ): AsyncGenerator<ManyResult<I>, void, undefined> {
    const { ordered, signal, ...settings } = parseOptions(manyOptionsSchema, options);
    const recognize = (input: I, inputSignal: AbortSignal) =>
      this.#recognize(input, { ...settings, signal: inputSignal, whenFull: 'wait', transfer: false });
    for await (const outcome of mapMany(inputs, recognize, { ahead: () => this.#ahead(), ordered, signal })) {
      // The remaining inputs would all be refused with the same error.
      if (hasCode(outcome.error, 'ERR_CLOSED')) throw outcome.error;
      yield outcome;
    }
  }

  /**
   * Recognizes overlapping windows of a live or recorded stream of mono samples and yields a result for each window. Each window
   * is inferred as a clip of its own. The last window ends where the stream ends. Memory is bounded, regardless of the length of
   * the stream.
   * @param stream chunks of any length; chunks of bytes may split in the middle of a sample
   * @throws TypeError if an option is invalid or a chunk holds no samples
   * @throws EmotionError as `recognize`
   * @throws the reason of `signal` once it aborts, and the error of `stream`, once the results before it were consumed
   */
  async *recognizeStream(
    stream: AsyncIterable<AudioChunk> | Iterable<AudioChunk>,
    options: RecognizeStreamOptions,
  ): AsyncGenerator<StreamResult, void, undefined> {
    const settings = parseOptions(streamOptionsSchema, options);
    const { embedding, logits, processedAudio, signal, timeoutMs, priority, name, ...windowing } = settings;
    const shared = { embedding, logits, processedAudio, signal, timeoutMs, priority, name };
    const request = recognizeOptionsSchema.parse({ ...shared, whenFull: 'wait' });
    for await (const { pcm, start, end, skipped } of windowsOf(stream, { ...windowing, signal })) {
      yield { ...(await this.#recognize(pcm, request)), start, end, skipped };
    }
  }

  /**
   * Loads libtorch and the model and runs it once, so that the first request is as fast as later ones.
   * @throws EmotionError as `recognize`
   */
  async warmUp(): Promise<void> {
    await this.#scheduler.request(async ({ run }) => {
      const use = new ModelUse(this.#models);
      try {
        const { sampleRate, minSamples } = (await use.model()).card;
        const samples = new Float32Array(Math.max(sampleRate, minSamples));
        await new ClipRunner(this.#options, use, run).run({ samples, sampleRate });
      } finally {
        use.release();
      }
    });
  }

  /** Returns the state of the model, counts and times of requests, and the memory in use. Loads nothing. */
  status(): RecognizerStatus {
    const { loaded } = this.#models;
    const memory: MemoryUsage = {
      rssBytes: process.memoryUsage.rss(),
      modelBytes: loaded === undefined ? 0 : (statSync(loaded.file, { throwIfNoEntry: false })?.size ?? 0),
      audioBytes: audioBudget.heldBytes,
      ...(loaded !== undefined && loaded.device !== 'cpu' && { device: loaded.deviceMemory() }),
    };
    return { model: this.#modelStatus(), requests: this.#scheduler.statistics, memory };
  }

  #modelStatus(): ModelStatus {
    const { loaded, loading } = this.#models;
    if (loaded === undefined) {
      return loading === undefined ? { state: 'unloaded' } : { state: 'loading', fraction: loading };
    }
    const { card, file, precision, device, threads, parallel } = loaded;
    return { state: 'loaded', name: card.name, file, precision, device, threads, parallel };
  }

  /** Frees the memory of the model once the requests under way have finished. The next request loads it again. */
  async unload(): Promise<void> {
    await this.#models.unload('unload');
  }

  /**
   * Refuses new requests with ERR_CLOSED and unloads the model. Requests under way end with ERR_CLOSED, or finish first with
   * `drain: true`. A second `close()` ends the requests that are being drained.
   * @throws TypeError ERR_INVALID_OPTIONS if an option is invalid
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const { drain } = parseOptions(closeOptionsSchema, options);
    if (drain) await this.#scheduler.drain();
    this.#scheduler.close();
    await this.#models.unload('close');
  }

  /** Calls `close()`, so that `await using` closes the recognizer. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #recognize(input: AudioInput, request: RequestSettings): Promise<RecognitionResult> {
    const { signal, timeoutMs, priority, whenFull, name } = request;
    const taken = takeInput(input, name);
    const environment = {
      models: this.#models,
      settings: this.#options,
      onDone: (timing: Timing) => this.#scheduler.metrics.record(timing),
    };
    try {
      return await this.#scheduler.request((context) => recognizeClip(taken, request, environment, context), {
        signal,
        timeoutMs,
        priority,
        wait: whenFull === 'wait',
      });
    } finally {
      stopInput(taken); // also if the request was refused before it read the input
    }
  }

  async #load(archive: EmotionArchive, { onCpu, onProgress }: HolderLoad): Promise<EmotionModel> {
    const start = performance.now();
    const { device, precision, threads, memoryBudgetBytes } = this.#options;
    const options = { device: onCpu ? 'cpu' : device, precision, threads, memoryBudgetBytes, onProgress } as const;
    const loaded = await EmotionModel.load(archive, options);
    const event: LoadEvent = {
      model: loaded.card.name,
      file: loaded.file,
      precision: loaded.precision,
      device: loaded.device,
      threads: loaded.threads,
      parallel: loaded.parallel,
      loadMs: performance.now() - start,
    };
    events.load.publish(event);
    return loaded;
  }

  /** Returns the number of clips that `recognizeMany` has under way: enough to keep the model busy. */
  #ahead(): number {
    const model = this.#models.loaded;
    if (model === undefined) return CLIPS_READY;
    const { parallel, maxBatch } = modelRunner(model, LOGITS_ONLY, this.#options.maxBatch);
    return parallel * maxBatch + CLIPS_READY;
  }
}
