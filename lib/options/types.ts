/** The options of the public API. The compiler checks that their zod schemas (schemas.ts) accept the same values. */
import type { ResolvedPrecision } from '../shared/resolved.js';
import type { RAW_ENCODINGS } from './limits.js';

export type { ResolvedDevice, ResolvedPrecision } from '../shared/resolved.js';

/**
 * The device that a model runs on. `cuda` is the first CUDA device, `cuda:N` the one with index N. `auto` uses CUDA if it works,
 * and falls back to the CPU. The others never fall back.
 */
export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;

/**
 * The precision that the linear layers of a model compute in. `auto` chooses it based on the archive, the device and free memory.
 */
export type Precision = 'auto' | ResolvedPrecision;

/**
 * The decoder of files: `builtin` is this package, and `ffmpeg` is the ffmpeg program of the machine. `auto` uses ffmpeg for the
 * formats and codecs that this package does not decode.
 */
export type Decoder = 'auto' | 'builtin' | 'ffmpeg';

/** The granularity of a result: `utterance` is one result for the clip, `frame` adds a timeline and segments. */
export type Granularity = 'utterance' | 'frame';

/** How a sample is stored in audio without a header, for example `mulaw` (G.711) or `s16le` (16-bit little-endian integers). */
export type RawEncoding = (typeof RAW_ENCODINGS)[number];

/** The format of audio without a header. The samples of the channels are interleaved. */
export interface RawAudioFormat {
  /** How a sample is stored. */
  encoding: RawEncoding;
  /** Samples per second, from 1000 to 768000. */
  sampleRate: number;
  /** Number of channels, from 1 to 64. Default 1. */
  channels?: number | undefined;
}

/** A RawAudioFormat with its defaults. */
export type RawFormat = RawAudioFormat & { channels: number };

/** The stage that a request is in. */
export type Progress =
  /** libtorch is opened and the model loads. `fraction` is the fraction of the archive that has been read, from 0 to 1. */
  | { stage: 'loading'; fraction: number }
  /** The clip waits for a decoder, or is read and decoded. */
  | { stage: 'decoding' }
  /** The clip waits for a slot. `ahead` is the number of clips, or windows of long clips, that go first. */
  | { stage: 'queued'; ahead: number }
  /** The clip is in the model. `done` of `total` windows are inferred; 0 of 1 for a clip that is inferred as a whole. */
  | { stage: 'running'; done: number; total: number };

/** Where and how a model runs. */
export interface RuntimeOptions {
  /**
   * The device that the model runs on. With `cuda` or `cuda:N`, loading rejects with ERR_DEVICE_UNAVAILABLE and the reason if
   * that device cannot be used. `auto` uses CUDA if it works and the model fits into the free memory of the device, and the
   * CPU otherwise. It then publishes the reason on the diagnostics channel `emotion2vec-node:device`, and emits a process warning
   * if there is a GPU. Default `auto`.
   */
  device?: Device | undefined;
  /**
   * The precision that linear layers compute in. `int8` and `bf16` convert the weights while the model loads. `auto` uses the
   * precision of the archive. For an emotion2vec+ archive in fp32 on the CPU, it uses `bf16` if the processor has
   * instructions for it, and `int8` if the free memory is less than half the size of the weights. `fp16` needs CUDA. On CUDA,
   * int8 weights are converted to a wider type when they are used. Default `auto`.
   */
  precision?: Precision | undefined;
  /**
   * Number of intra-op threads of a run. Runs execute in parallel as long as their threads together do not exceed the number of
   * processors that the process may use (affinity, cgroup quota, OMP_NUM_THREADS), and no run uses more threads than that.
   * Default: that number; 1 for an emotion model whose archive is smaller than 32 MB.
   */
  threads?: number | undefined;
  /**
   * Maximum number of bytes that the model and its runs may take on their device: the weights, and the tensors of the runs under
   * way. A model that cannot fit is not loaded, and a run that would take more rejects, both with ERR_OUT_OF_MEMORY. On the CPU,
   * every large allocation counts. On CUDA, the estimated needs of the model are checked before it loads, and `auto` then uses
   * the CPU. The budget does not include libtorch itself (about 200 MB), decoded audio and JavaScript. Default: the memory that
   * the system, or the limit of its control group, leaves available.
   */
  memoryBudgetBytes?: number | undefined;
}

/** Options of `TorchModule.load`. */
export interface TorchOptions extends RuntimeOptions {
  /**
   * Called while the archive is read, each time the fraction changes (at most every 50 ms). The fraction goes from 0, while
   * libtorch itself is opened, to 1. Exceptions that the function throws are ignored.
   */
  onProgress?: ((fraction: number) => void) | undefined;
}

/** Options of `TorchModule.quantize`. */
export interface QuantizeOptions {
  /** The format that the weights of linear layers are converted to. Default `int8`. */
  precision?: 'int8' | 'bf16' | undefined;
}

/** Options of the `EmotionRecognizer` constructor. */
export interface RecognizerOptions extends RuntimeOptions {
  /** Name of a built-in model (see `builtInModels`), or path of an archive. Default: the built-in default model. */
  model?: string | undefined;
  /** Maximum number of requests under way. Further requests reject with ERR_QUEUE_FULL. Default 1024. */
  maxQueue?: number | undefined;
  /**
   * Maximum number of clips that run as one batch, from 1 to 1024. A batch is formed of clips of similar length that are queued
   * at the same time, at most 16 s of audio together (160 s on CUDA). Default: 16 for models whose results are bitwise
   * independent of the batch (emotion2vec+ in fp32 and int8 on the CPU), 1 for other models.
   */
  maxBatch?: number | undefined;
  /**
   * Maximum time in milliseconds that a clip waits for others to share its batch, up to 60000. Default 0: a batch is formed only
   * of clips that are already queued.
   */
  batchDelayMs?: number | undefined;
  /** Time in milliseconds without a request after which the model is unloaded. Default: it stays loaded. */
  idleUnloadMs?: number | undefined;
  /**
   * The decoder of files and bytes. `auto` decodes them with this package, and with the ffmpeg program of the machine if this
   * package does not support the format or codec (docs/reference/audio-formats.md lists those that it supports). `builtin` never
   * uses ffmpeg. `ffmpeg` always uses it, and rejects with ERR_DECODER_UNAVAILABLE if there is none. `timing.decoder` of the
   * result names the decoder that was used. Default `auto`.
   */
  decoder?: Decoder | undefined;
}

/** Options of `EmotionRecognizer.recognize`. */
export interface RecognizeOptions {
  /** `frame` adds `frames`, a timeline, and `segments`, its time spans of one emotion, to the result. Default `utterance`. */
  granularity?: Granularity | undefined;
  /** Whether the result has an `embedding`. Default false. */
  embedding?: boolean | undefined;
  /** Whether the result has `logits`, the output of the model before the softmax. Default false. */
  logits?: boolean | undefined;
  /** Whether the result has `processedAudio`, the clip as it was passed to the model. Default false. */
  processedAudio?: boolean | undefined;
  /**
   * How long clips are split. With a number, clips of more seconds are inferred in overlapping windows of this length, from 1 to
   * 86400 s, and the frames of the windows are averaged. Memory is then independent of the length of the clip, but each window is
   * normalized by itself, and attention stays within it. `off` infers every clip as a whole. This is exact, but memory grows
   * linearly and time quadratically with the length. `auto` means 60. Default `auto`.
   */
  window?: 'auto' | number | 'off' | undefined;
  /**
   * The windows of the timeline (granularity `frame`): their length and the hop from one to the next, in seconds from 0.02 to
   * 3600. Default `{ window: 1, hop: 0.5 }`.
   */
  timeline?: { window?: number | undefined; hop?: number | undefined } | undefined;
  /**
   * Aborts the request, which then rejects with the reason of the signal. A queued clip is dropped together with its audio. The
   * output of a run under way is discarded.
   */
  signal?: AbortSignal | undefined;
  /** Maximum time of the request in milliseconds, including its wait. It then rejects with ERR_TIMEOUT. Default: no limit. */
  timeoutMs?: number | undefined;
  /** Priority of the clip in the queue, from -1000 to 1000. Clips of a higher priority always go first. Default 0. */
  priority?: number | undefined;
  /**
   * What happens if `maxQueue` requests are under way: `reject` rejects with ERR_QUEUE_FULL, and `wait` waits for room. Default
   * `reject`.
   */
  whenFull?: 'reject' | 'wait' | undefined;
  /** Name of the clip in error messages. Default: its path, or the name of a `File`. */
  name?: string | undefined;
  /**
   * Whether encoded bytes are transferred to the decoder instead of copied. Their buffer is then detached, and therefore empty.
   * Default false.
   */
  transfer?: boolean | undefined;
  /**
   * Maximum duration of the clip in seconds. A longer clip rejects with ERR_AUDIO_TOO_LONG as soon as its decoder reaches the
   * limit. Default: for encoded audio, an hour plus a quarter of a second for each of its bytes, at most a day; no limit for raw
   * samples.
   */
  maxDuration?: number | undefined;
  /**
   * Maximum size in bytes of a file, Blob or stream. A larger one rejects with ERR_AUDIO_TOO_LONG: a file before it is read, a
   * stream as soon as it reaches the limit, so that an endless stream cannot fill the memory. Default 2147483648 (2 GiB).
   */
  maxBytes?: number | undefined;
  /**
   * Declares that files and bytes are samples without a header, for example G.711 from a telephone exchange. Their content is
   * then not inspected.
   */
  raw?: RawAudioFormat | undefined;
  /** The decoder of this clip. Default: the `decoder` option of the recognizer. */
  decoder?: Decoder | undefined;
  /** Called with the progress of the request each time it changes. Exceptions that the function throws are ignored. */
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** Options of `EmotionRecognizer.recognizeMany`. They apply to each input; `signal` ends the iteration. */
export interface RecognizeManyOptions extends Omit<RecognizeOptions, 'name' | 'transfer' | 'onProgress' | 'whenFull'> {
  /** Whether results are yielded in the order of the inputs, or as soon as they are available. Default true. */
  ordered?: boolean | undefined;
}

/** Options of `EmotionRecognizer.recognizeStream`. Those of `recognize` apply to each window; `signal` ends the iteration. */
export interface RecognizeStreamOptions extends Pick<
  RecognizeOptions,
  'embedding' | 'logits' | 'processedAudio' | 'signal' | 'timeoutMs' | 'priority' | 'name'
> {
  /** Samples per second of the stream, from 1000 to 768000. */
  sampleRate: number;
  /** Length of a window in seconds, from 0.1 to 60. Default 3. */
  window?: number | undefined;
  /** Seconds from the start of one window to the start of the next, from 0.02 to `window`. Default 1. */
  hop?: number | undefined;
  /**
   * The encoding of samples in chunks of bytes: 16-bit integers or 32-bit floats, little-endian. It does not apply to typed
   * arrays of samples, whose type is known. Default `s16le`.
   */
  encoding?: 's16le' | 'f32le' | undefined;
  /**
   * What happens if results are consumed more slowly than audio arrives. `wait` stops reading until they are consumed, which
   * suits a file or a pipe. `skip` continues to read and skips the windows that are late, which suits a microphone. Default
   * `wait`.
   */
  whenBehind?: 'wait' | 'skip' | undefined;
}

/** Options of `EmotionRecognizer.close`. */
export interface CloseOptions {
  /** Whether requests under way may finish. Otherwise they reject with ERR_CLOSED. Default false. */
  drain?: boolean | undefined;
}
