import { statSync } from 'node:fs';
import type { z } from 'zod/v3';

import { decodeAudio } from './audio/decode.js';
import type { AudioInput } from './audio/pcm.js';
import { EmotionError } from './errors.js';
import { EmotionModel, resample } from './model/emotion-model.js';
import { resolveModel } from './model/manifest.js';
import {
  parseOptions,
  type RecognizeOptions,
  type RecognizerOptions,
  recognizeOptionsSchema,
  recognizerOptionsSchema,
} from './options.js';
import { type RecognitionResult, scoresOf, segmentsOf, timeline, winner } from './result.js';
import { type CallContext, Scheduler, type SchedulerStats } from './scheduler.js';
import { hear } from './windows.js';

/** What `recognizeMany` yields: a clip's result or its error, in the order of the input. */
export type ManyResult<I> =
  { input: I; result: RecognitionResult; error?: undefined } | { input: I; error: unknown; result?: undefined };

export interface MemoryReport {
  /** Resident set size of the process. */
  rssBytes: number;
  loaded: boolean;
  /** Size of the loaded model's archive; 0 when none is loaded. */
  modelBytes: number;
}

/** Calls that `recognizeMany` keeps under way: one decodes while another is in the model. */
const MANY_AHEAD = 3;

/**
 * Recognises emotions in speech. Constructing one loads nothing: libtorch and the model load on the first `recognize` or
 * `warmUp`, once however many calls race, and never on the main thread.
 */
export class EmotionRecognizer implements AsyncDisposable {
  readonly #options: ReturnType<typeof recognizerOptionsSchema.parse>;
  readonly #scheduler: Scheduler;
  #model: Promise<EmotionModel> | undefined;
  #archive: string | undefined;
  #loaded = false;
  #closed = false;
  #idleTimer: NodeJS.Timeout | undefined;

  /** @throws TypeError for an unknown or wrong option */
  constructor(options: RecognizerOptions = {}) {
    this.#options = parseOptions(recognizerOptionsSchema, options, 'options');
    this.#scheduler = new Scheduler(this.#options.maxQueue);
  }

  /**
   * Recognises one clip: a path, the bytes of an encoded file, or raw mono samples.
   * @throws TypeError for misuse
   * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_AUDIO_DECODE, ERR_AUDIO_TOO_SHORT, ERR_AUDIO_NOT_FINITE,
   *   ERR_MODEL_NOT_FOUND, ERR_MODEL_LOAD, ERR_LIBTORCH_MISSING, ERR_ADDON_MISSING, ERR_DEVICE_UNAVAILABLE,
   *   ERR_QUEUE_FULL, ERR_TIMEOUT, ERR_CLOSED, ERR_OUT_OF_MEMORY
   */
  async recognize(input: AudioInput, options: RecognizeOptions = {}): Promise<RecognitionResult> {
    const { signal, timeoutMs, ...want } = parseOptions(recognizeOptionsSchema, options, 'options');
    clearTimeout(this.#idleTimer);
    try {
      return await this.#scheduler.call((context) => this.#recognize(input, want, context), signal, timeoutMs);
    } finally {
      this.#startIdleTimer();
    }
  }

  /**
   * Recognises many clips with bounded memory: a few are read ahead, and no more until results are taken. A clip that
   * fails yields its error and the others go on.
   */
  async *recognizeMany<I extends AudioInput>(
    inputs: Iterable<I> | AsyncIterable<I>,
    options: RecognizeOptions = {},
  ): AsyncGenerator<ManyResult<I>, void, undefined> {
    parseOptions(recognizeOptionsSchema, options, 'options');
    const ahead: Promise<ManyResult<I>>[] = [];
    const start = (input: I): Promise<ManyResult<I>> =>
      this.recognize(input, options).then(
        (result) => ({ input, result }),
        (error: unknown) => ({ input, error }),
      );
    for await (const input of inputs) {
      ahead.push(start(input));
      if (ahead.length >= Math.min(MANY_AHEAD, this.#options.maxQueue)) yield await ahead.shift()!;
      options.signal?.throwIfAborted();
    }
    for (const pending of ahead) yield await pending;
  }

  /** Loads libtorch and the model and runs it once, so that the first clip finds everything warm. */
  async warmUp(): Promise<void> {
    clearTimeout(this.#idleTimer);
    try {
      await this.#scheduler.call(async ({ turn }) => {
        const model = await this.#load();
        const samples = new Float32Array(Math.max(model.card.sampleRate, model.card.minSamples));
        await turn(() =>
          model.run({ samples, sampleRate: model.card.sampleRate }, { frameLogits: false, features: false }),
        );
      });
    } finally {
      this.#startIdleTimer();
    }
  }

  /** Calls by state. */
  stats(): SchedulerStats {
    return this.#scheduler.stats;
  }

  memory(): MemoryReport {
    const modelBytes = this.#loaded && this.#archive !== undefined ? statSync(this.#archive).size : 0;
    return { rssBytes: process.memoryUsage.rss(), loaded: this.#loaded, modelBytes };
  }

  /** Gives the model's memory back. Calls under way still finish; the next one loads again. */
  async unload(): Promise<void> {
    clearTimeout(this.#idleTimer);
    const model = this.#model;
    this.#model = undefined;
    this.#loaded = false;
    await model?.then(
      (loaded) => loaded.dispose(),
      () => undefined, // the load's error belongs to the calls that asked for it
    );
  }

  /** Ends calls under way with ERR_CLOSED, refuses new ones, and unloads. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#scheduler.close();
    await this.unload();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #recognize(
    input: AudioInput,
    {
      granularity,
      embedding,
      processedAudio,
      window,
      timeline: span,
    }: Omit<z.output<typeof recognizeOptionsSchema>, 'signal' | 'timeoutMs'>,
    { signal, turn }: CallContext,
  ): Promise<RecognitionResult> {
    const begin = performance.now();
    // The clip decodes in its worker while libtorch opens: a cold start costs the longer of the two.
    const [{ pcm, decodedAt }, model] = await Promise.all([
      decodeAudio(input, { signal }).then((decoded) => ({ pcm: decoded, decodedAt: performance.now() })),
      this.#load(),
    ]);
    const readyAt = performance.now();
    const { card } = model;
    const waveform = await resample(pcm, card.sampleRate);
    const resampleMs = performance.now() - readyAt;
    if (waveform.samples.length < card.minSamples) {
      const ms = (samples: number) => `${((1000 * samples) / card.sampleRate).toFixed(1)} ms`;
      const what = `${nameOf(input)} is too short: ${ms(waveform.samples.length)} (${card.name} needs ${ms(card.minSamples)})`;
      throw new EmotionError('ERR_AUDIO_TOO_SHORT', what);
    }
    const byFrame = granularity === 'frame';
    const wanted = { frameLogits: byFrame, embedding: !embedding ? 'none' : byFrame ? 'frames' : 'mean' } as const;
    const heard = await hear(model, waveform, window, wanted, turn);
    const durationSeconds = pcm.samples.length / pcm.sampleRate;
    const scores = scoresOf(heard.logits, card);
    const frames = heard.frameLogits && timeline(heard.frameLogits, card, durationSeconds, span);
    return {
      ...winner(scores),
      scores,
      granularity,
      durationSeconds,
      ...(frames && { frames, segments: segmentsOf(frames) }),
      ...(heard.embedding && {
        embedding: heard.embedding,
        embeddingShape: byFrame ? [heard.frames, card.embeddingDim] : [card.embeddingDim],
      }),
      ...(processedAudio && { processedAudio: waveform }),
      ...(heard.windowing && { window: heard.windowing }),
      model: { name: card.name, precision: model.precision, device: model.device },
      timing: {
        decodeMs: decodedAt - begin + resampleMs,
        queueMs: readyAt - decodedAt + heard.waitMs,
        inferenceMs: heard.inferenceMs,
      },
    };
  }

  #load(): Promise<EmotionModel> {
    if (this.#model === undefined) {
      const loading = this.#startLoad();
      this.#model = loading;
      loading.then(
        () => {
          if (this.#model === loading) this.#loaded = true;
        },
        () => {
          if (this.#model === loading) this.#model = undefined; // the next call tries again
        },
      );
    }
    return this.#model;
  }

  async #startLoad(): Promise<EmotionModel> {
    const { model, device, precision, threads } = this.#options;
    this.#archive = resolveModel(model);
    return EmotionModel.load(this.#archive, { device, precision, threads });
  }

  #startIdleTimer(): void {
    const { idleUnloadMs } = this.#options;
    if (idleUnloadMs === undefined || this.#closed || this.#scheduler.pending > 0) return;
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => void this.unload(), idleUnloadMs).unref();
  }
}

function nameOf(input: AudioInput): string {
  return typeof input === 'string' ? input : 'The clip';
}
