import { statSync } from 'node:fs';
import type * as z from '../vendor/zod.js';

import { onAbort } from '../shared/abort.js';
import { audioBudget } from '../audio/decode.js';
import { stopInput, takeInput, type TakenInput } from '../audio/input.js';
import type { AudioInput, Pcm } from '../audio/pcm.js';
import { type PreparedAudio, prepareAudio } from '../audio/prepare.js';
import { EmotionError } from '../shared/errors.js';
import { events, type LoadEvent } from '../shared/events.js';
import { mapMany, type Outcome } from './many.js';
import { EmotionModel, type ModelOutput, type RequestedOutputs } from '../model/emotion-model.js';
import { type EmotionArchive, openEmotionArchive } from '../model/emotion-archive.js';
import { resolveModel } from '../model/manifest.js';
import { type HolderLoad, ModelHolder } from '../model/model-holder.js';
import { ModelUse } from '../model/model-use.js';
import type {
  CloseOptions,
  RecognizeManyOptions,
  RecognizeOptions,
  RecognizerOptions,
  RecognizeStreamOptions,
} from '../options/types.js';
import {
  closeOptionsSchema,
  manyOptionsSchema,
  recognizeOptionsSchema,
  recognizerOptionsSchema,
  streamOptionsSchema,
} from '../options/schemas.js';
import { parseOptions } from '../options/parse.js';
import { ProgressReport } from './progress.js';
import { type RecognitionResult, resultOf } from './result.js';
import { type ModelRunner, modelRunner } from '../scheduler/model-batches.js';
import { Scheduler } from '../scheduler/scheduler.js';
import type { RequestContext, RunObserver, RunResult } from '../scheduler/run.js';
import { type AudioChunk, windowsOf } from './stream.js';
import type { MemoryUsage, ModelStatus, RecognizerStatus } from './status.js';
import { hear } from './windows.js';

/** What `recognizeMany` yields: a clip's result or its error. */
export type ManyResult<I> = Outcome<I, RecognitionResult>;

/** What `recognizeStream` yields: the result of a window, and where it lies in the stream. */
export interface StreamResult extends RecognitionResult {
  /** Seconds from the stream's start. */
  start: number;
  /** Seconds from the stream's start. */
  end: number;
  /** Windows left out before this one (`whenBehind: 'skip'`). */
  skipped: number;
}

type CallSettings = z.output<typeof recognizeOptionsSchema>;

/** Clips that `recognizeMany` keeps ready beyond those that are in the model: one decodes while another waits. */
const READY = 2;

/**
 * Recognises emotions in speech. Constructing one loads nothing: libtorch and the model load on the first `recognize` or
 * `warmUp`, once however many calls race, and never on the main thread.
 */
export class EmotionRecognizer implements AsyncDisposable {
  readonly #options: z.output<typeof recognizerOptionsSchema>;
  readonly #scheduler: Scheduler<Pcm, ModelOutput>;
  readonly #models: ModelHolder;

  /** @throws TypeError for an unknown or wrong option */
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
   * Recognises one clip: a path or file URL, bytes, a Blob, a stream or iterable of bytes, or raw mono samples (`AudioInput`).
   * @throws TypeError for misuse
   * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_AUDIO_DECODE, ERR_AUDIO_TOO_SHORT, ERR_AUDIO_TOO_LONG,
   *   ERR_AUDIO_NOT_FINITE, ERR_MODEL_NOT_FOUND, ERR_MODEL_LOAD, ERR_LIBTORCH_MISSING, ERR_ADDON_MISSING, ERR_DEVICE_UNAVAILABLE,
   *   ERR_QUEUE_FULL, ERR_TIMEOUT, ERR_CLOSED, ERR_OUT_OF_MEMORY
   */
  async recognize(input: AudioInput, options: RecognizeOptions = {}): Promise<RecognitionResult> {
    return this.#recognize(input, parseOptions(recognizeOptionsSchema, options));
  }

  /**
   * Recognises many clips with bounded memory: a few are read ahead, and no more until results are taken. A clip that fails
   * yields its error and the others go on. A stream among them is opened when its turn comes. Waits for room where other calls fill the queue. Leaving the loop cancels what is
   * under way.
   * @throws TypeError for misuse; the signal's reason; what the source throws, after the results of what it gave before
   * @throws EmotionError ERR_CLOSED
   */
  async *recognizeMany<I extends AudioInput>(
    inputs: Iterable<I> | AsyncIterable<I>,
    options: RecognizeManyOptions = {},
  ): AsyncGenerator<ManyResult<I>, void, undefined> {
    const { ordered, signal, ...settings } = parseOptions(manyOptionsSchema, options);
    const work = (input: I, left: AbortSignal) =>
      this.#recognize(input, { ...settings, signal: left, whenFull: 'wait', transfer: false });
    for await (const outcome of mapMany(inputs, work, { ahead: () => this.#ahead(), ordered, signal })) {
      // What is still to come would be refused too, one by one.
      if (outcome.error instanceof EmotionError && outcome.error.code === 'ERR_CLOSED') throw outcome.error;
      yield outcome;
    }
  }

  /**
   * Recognises windows of a stream as it comes: chunks of 16-bit or float samples, one channel. Each window is heard as a clip
   * of its own. Memory is bounded, however long the stream.
   * @throws TypeError for misuse and for chunks that are no samples; the signal's reason; what the stream throws
   * @throws EmotionError as recognize
   */
  async *recognizeStream(
    pcmStream: AsyncIterable<AudioChunk> | Iterable<AudioChunk>,
    options: RecognizeStreamOptions,
  ): AsyncGenerator<StreamResult, void, undefined> {
    const settings = parseOptions(streamOptionsSchema, options);
    const { embedding, logits, processedAudio, signal, timeoutMs, priority, name, ...windowing } = settings;
    const call = { embedding, logits, processedAudio, signal, timeoutMs, priority, name };
    const each = recognizeOptionsSchema.parse({ ...call, whenFull: 'wait' });
    for await (const { pcm, start, end, skipped } of windowsOf(pcmStream, { ...windowing, signal })) {
      yield { ...(await this.#recognize(pcm, each)), start, end, skipped };
    }
  }

  /** Loads libtorch and the model and runs it, so that the first clip finds everything warm. */
  async warmUp(): Promise<void> {
    await this.#scheduler.request(async ({ run: turn }) => {
      const use = new ModelUse(this.#models);
      try {
        const { sampleRate, minSamples } = (await use.model()).card;
        const samples = new Float32Array(Math.max(sampleRate, minSamples));
        await this.#turn(turn, use, { samples, sampleRate });
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

  /** Gives the model's memory back, as soon as calls under way have finished; the next one loads again. */
  async unload(): Promise<void> {
    await this.#models.unload('unload');
  }

  /**
   * Refuses new calls and unloads. Calls under way end with ERR_CLOSED, or finish first with `drain: true`; a second `close()`
   * ends those that are being drained.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const { drain } = parseOptions(closeOptionsSchema, options);
    if (drain) await this.#scheduler.drain();
    this.#scheduler.close();
    await this.#models.unload('close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #recognize(input: AudioInput, settings: CallSettings): Promise<RecognitionResult> {
    const { signal, timeoutMs, priority, whenFull, name } = settings;
    const taken = takeInput(input, name);
    const call = { signal, timeoutMs, priority, wait: whenFull === 'wait' };
    try {
      return await this.#scheduler.request((context) => this.#hear(taken, settings, context), call);
    } finally {
      stopInput(taken); // also of a call that never came to read it
    }
  }

  async #hear(
    input: TakenInput,
    settings: CallSettings,
    { signal, run: turn }: RequestContext<Pcm, ModelOutput>,
  ): Promise<RecognitionResult> {
    const begin = performance.now();
    const report = new ProgressReport(settings.onProgress);
    const unfollow = onAbort(signal, () => report.end()); // the caller has his answer, whatever goes on here
    const loads = this.#models.loaded === undefined;
    const use = new ModelUse(this.#models);
    const lease = use.first;
    let preparing: Promise<PreparedAudio> | undefined;
    let ready = false;
    try {
      const { priority, window, granularity, embedding, maxDuration: maxSeconds, maxBytes, transfer } = settings;
      const { raw, decoder = this.#options.decoder } = settings;
      const decodes = () => ready || report.tell({ stage: 'decoding' });
      if (loads) void report.follow(lease.model, () => lease.loadFraction()).then(decodes);
      else decodes();
      preparing = lease.card.then((card) =>
        prepareAudio(input, card, { signal, priority, maxSeconds, maxBytes, transfer, decoder, raw }),
      );
      void preparing.then(
        () => (ready = true),
        () => undefined,
      );
      // Side by side: a cold start costs the longer of the two.
      const [audio, model] = await Promise.all([preparing, lease.model]);
      const byFrame = granularity === 'frame';
      const heard = await hear(
        model.card,
        audio.waveform,
        window,
        { frameLogits: byFrame, embedding: !embedding ? 'none' : byFrame ? 'frames' : 'mean' },
        (clip, want, place) => this.#turn(turn, use, clip, want, report.watch(place)),
        model.parallel,
      );
      const totalMs = performance.now() - begin;
      const { decodeMs, decoder: decodedBy } = audio;
      const { inferenceMs } = heard;
      const queueMs = Math.max(0, totalMs - decodeMs - inferenceMs);
      const timing = { decodeMs, decoder: decodedBy, queueMs, inferenceMs };
      this.#scheduler.metrics.record(timing);
      return resultOf(heard, audio, await use.model(), settings, timing);
    } finally {
      unfollow();
      report.end();
      preparing?.then(
        (audio) => audio.lease.release(),
        () => undefined,
      );
      use.release();
    }
  }

  /** A clip's turn; where `auto` may choose, on the CPU once memory of its device has run out. */
  async #turn(
    turn: RequestContext<Pcm, ModelOutput>['run'],
    use: ModelUse,
    clip: Pcm,
    want?: RequestedOutputs,
    watcher?: RunObserver,
  ): Promise<RunResult<ModelOutput>> {
    const model = await use.model();
    const movable = this.#options.device === 'auto' && model.device !== 'cpu';
    const fallback = async (error: EmotionError) => this.#runner(await use.moveToCpu(error), want);
    return turn(this.#runner(model, want), clip, clip.samples.length, {
      observer: watcher,
      ...(movable && { fallback }),
    });
  }

  async #load(archive: EmotionArchive, { onCpu, onProgress }: HolderLoad): Promise<EmotionModel> {
    const begin = performance.now();
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
      loadMs: performance.now() - begin,
    };
    events.load.publish(event);
    return loaded;
  }

  /** Clips that `recognizeMany` may have under way: as many as keep the model busy. */
  #ahead(): number {
    const model = this.#models.loaded;
    if (model === undefined) return READY;
    const { parallel, maxBatch } = this.#runner(model);
    return parallel * maxBatch + READY;
  }

  #runner(model: EmotionModel, want: RequestedOutputs = { frameLogits: false, features: false }): ModelRunner {
    return modelRunner(model, want, this.#options.maxBatch);
  }
}
