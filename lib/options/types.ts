/** The options of the public API, documented. Their zod schemas (schemas.ts) are checked against these types when compiled. */
import type { ResolvedPrecision } from '../shared/resolved.js';
import type { RAW_ENCODINGS } from './limits.js';

export type { ResolvedDevice, ResolvedPrecision } from '../shared/resolved.js';

/** The device that a model runs on. `auto` uses CUDA where it works and the CPU elsewhere; the others never fall back. */
export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;

/** The precision that the linear layers of a model compute in. */
export type Precision = 'auto' | ResolvedPrecision;

/** What decodes files: `builtin` is this package, `ffmpeg` the ffmpeg of the machine. */
export type Decoder = 'auto' | 'builtin' | 'ffmpeg';

export type Granularity = 'utterance' | 'frame';

/** The format of bytes without a header. The samples of all channels are interleaved. */
export interface RawFormat {
  encoding: (typeof RAW_ENCODINGS)[number];
  /** Samples per second. */
  sampleRate: number;
  channels: number;
}

/** What a call is doing. */
export type Progress =
  /** libtorch opens and the model loads. `fraction`, 0 to 1, of the archive that has been read. */
  | { stage: 'loading'; fraction: number }
  /** The clip waits for a decoder, or is read and decoded. */
  | { stage: 'decoding' }
  /** It waits for its turn. `ahead`: clips, or windows of long ones, that go first. */
  | { stage: 'queued'; ahead: number }
  /** The model hears it. `done` of `total` windows; 0 of 1 for a clip that is heard at once. */
  | { stage: 'running'; done: number; total: number };

/** Where and how a model runs. */
export interface RuntimeOptions {
  /**
   * The device that the model runs on. With `cuda` or `cuda:N`, loading rejects with ERR_DEVICE_UNAVAILABLE and the reason where
   * that device cannot be used. `auto` uses CUDA where it works and the model fits into the free memory of the device, and the
   * CPU otherwise. It then publishes the reason on the diagnostics channel `emotion2vec-node:device`, and emits a process warning
   * where there is a GPU. Default `auto`.
   */
  device?: Device | undefined;
  /**
   * The precision that linear layers compute in. `int8` and `bf16` convert the weights while the model loads. `auto` uses the
   * precision of the archive. For an emotion2vec+ archive in fp32 on the CPU, it uses `bf16` where the processor has
   * instructions for it, and `int8` where less memory is free than half of the weights take. `fp16` needs CUDA. On CUDA, int8
   * weights are widened when they are used. Default `auto`.
   */
  precision?: Precision | undefined;
  /**
   * Number of intra-op threads of a run. Runs go in parallel as long as their threads together do not exceed the processors that
   * the process may use (affinity, cgroup quota, OMP_NUM_THREADS). A run never uses more threads than that. Default: all of these
   * processors; 1 for an emotion model whose archive is smaller than 32 MB.
   */
  threads?: number | undefined;
  /**
   * Maximum number of bytes that the model and its runs may take on their device: the weights, and the tensors of the runs under
   * way. A model that cannot fit is not loaded, and a run that would take more rejects, both with ERR_OUT_OF_MEMORY. On the CPU,
   * every large allocation counts. On CUDA, the estimated needs of the model are checked before it loads, and `auto` then uses
   * the CPU. The budget does not include libtorch itself (about 200 MB), decoded audio and JavaScript. Default: what the system,
   * or the limit of its control group, leaves.
   */
  memoryBudgetBytes?: number | undefined;
}

/** Options of `TorchModule.load`. */
export interface TorchOptions extends RuntimeOptions {
  /**
   * Called while the archive is read, each time the fraction changes (at most every 50 ms): from 0, while libtorch itself opens,
   * to 1. Exceptions that it throws are ignored.
   */
  onProgress?: ((fraction: number) => void) | undefined;
}

export interface QuantizeOptions {
  /** The format that the weights of linear layers are converted to. Default `int8`. */
  precision?: 'int8' | 'bf16' | undefined;
}

export interface RecognizerOptions extends RuntimeOptions {
  /** The name of a built-in model (`emotion2vec models` lists them) or the path of an archive. */
  model?: string | undefined;
  /** Calls that may be under way at once; one more rejects with ERR_QUEUE_FULL. Default 1024. */
  maxQueue?: number | undefined;
  /**
   * Clips that may run as one batch: those that wait already, of like length, together no more than 16 s. Default: 16 for
   * models whose answers are the same to the bit in any batch (emotion2vec+ in fp32 and int8), 1 for others.
   */
  maxBatch?: number | undefined;
  /** Milliseconds that a clip may wait for others to share its batch. Default 0: batches are made of what waits anyway. */
  batchDelayMs?: number | undefined;
  /** Unload the model after this many milliseconds without a call. Default: never. */
  idleUnloadMs?: number | undefined;
  /**
   * Who decodes files. `auto`, the default: this package, and the machine's ffmpeg where the package does not know a format or codec
   * (docs/audio-formats.md). `builtin`: this package alone. `ffmpeg`: ffmpeg alone; ERR_DECODER_UNAVAILABLE where there is none.
   * The result's `timing.decoder` says who it was.
   */
  decoder?: Decoder | undefined;
}

export interface RecognizeOptions {
  /** `frame` adds `frames`, a timeline, and `segments`, its change points, to the result. Default `utterance`. */
  granularity?: Granularity | undefined;
  /** Adds `embedding` to the result. Default false. */
  embedding?: boolean | undefined;
  /** Adds `logits` to the result: what the model says before the softmax, of all its labels. Default false. */
  logits?: boolean | undefined;
  /** Adds `processedAudio` to the result: what the model heard. Default false. */
  processedAudio?: boolean | undefined;
  /**
   * How long audio is heard. A number: clips of more seconds are heard in overlapping windows of so many, whose frames are
   * averaged; memory then does not grow with the clip, and each window is normalised and attended to by itself. `auto`: 60.
   * `off`: whole, which is exact, with memory linear and time quadratic in the length. Default `auto`.
   */
  window?: 'auto' | number | 'off' | undefined;
  /** The timeline's windows and the steps between them, in seconds. Default `{ window: 1, hop: 0.5 }`. */
  timeline?: { window?: number | undefined; hop?: number | undefined } | undefined;
  /** Aborting rejects with the signal's reason. What waits is dropped with its audio, a run under way ends unseen. */
  signal?: AbortSignal | undefined;
  /** Milliseconds for the whole call, waiting included; then ERR_TIMEOUT. */
  timeoutMs?: number | undefined;
  /** -1000 to 1000: of the clips that wait, those of the highest go first, always. Default 0. */
  priority?: number | undefined;
  /** Where `maxQueue` calls are under way: reject with ERR_QUEUE_FULL, or wait for room. Default `reject`. */
  whenFull?: 'reject' | 'wait' | undefined;
  /** What errors call the clip. Default: its path, or the name of a `File`. */
  name?: string | undefined;
  /** Moves encoded bytes to the decoder instead of copying them: their buffer is empty afterwards. Default false. */
  transfer?: boolean | undefined;
  /**
   * Refuses longer clips with ERR_AUDIO_TOO_LONG, as soon as decoding has come so far. Default: an encoded clip may unpack to an
   * hour and a quarter of a second for each of its bytes, at most to a day; raw samples may be of any length.
   */
  maxDuration?: number | undefined;
  /**
   * Refuses a file, Blob or stream of more bytes with ERR_AUDIO_TOO_LONG: a file before it is read, a stream as soon as it has
   * given so many, so that one without an end does not fill memory. Default 2 GiB.
   */
  maxBytes?: number | undefined;
  /**
   * Files and bytes are samples without a header, such as G.711 from a telephone exchange: how each is stored, in Hz how many
   * there are a second, and in how many channels (default 1). What the bytes look like does not matter then.
   */
  raw?: (Omit<RawFormat, 'channels'> & { channels?: number | undefined }) | undefined;
  /** Who decodes this clip. Default: as the recognizer's option says. */
  decoder?: Decoder | undefined;
  /** Hears what the call is doing, each time that changes. What it throws is thrown away. */
  onProgress?: ((progress: Progress) => void) | undefined;
}

export interface RecognizeManyOptions extends Omit<RecognizeOptions, 'name' | 'transfer' | 'onProgress' | 'whenFull'> {
  /** Whether results come in the order of the inputs, or each as soon as it is there. Default true. */
  ordered?: boolean | undefined;
}

export interface RecognizeStreamOptions extends Pick<
  RecognizeOptions,
  'embedding' | 'logits' | 'processedAudio' | 'signal' | 'timeoutMs' | 'priority' | 'name'
> {
  /** Hz of the stream. */
  sampleRate: number;
  /** Of what is heard at once. 0.1 to 60, default 3. */
  window?: number | undefined;
  /** From the start of one window to the start of the next; at most `window`. Default 1. */
  hop?: number | undefined;
  /** What chunks of bytes hold: 16-bit integers or 32-bit floats, little-endian. Default `s16le`. */
  encoding?: 's16le' | 'f32le' | undefined;
  /**
   * Where results are taken more slowly than audio comes: `wait` reads no more until they are taken (a file, a pipe), `skip`
   * reads on and leaves out the windows that are late (a microphone). Default `wait`.
   */
  whenBehind?: 'wait' | 'skip' | undefined;
}

export interface CloseOptions {
  /** Whether calls under way may finish; otherwise they end with ERR_CLOSED. Default false. */
  drain?: boolean | undefined;
}
