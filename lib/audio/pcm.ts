/** One channel of audio. The unit in which clips move between the folders of lib/. */
export interface Pcm {
  /** float32 samples, nominally -1..1. */
  readonly samples: Float32Array;
  /** samples per second, 1000 to 768000. */
  readonly sampleRate: number;
}

/** Raw samples of one channel, as callers have them. */
export interface AudioSamples {
  /**
   * Float32Array or Float64Array: nominally -1..1. Int16Array: -32768..32767. Read until the call settles; they must not change
   * until then. On a SharedArrayBuffer they are copied when the clip's turn to be decoded comes.
   */
  readonly samples: Float32Array | Float64Array | Int16Array;
  /** samples per second, 1 to 768000. */
  readonly sampleRate: number;
}

/** Bytes, in whatever view of them. They are copied when the clip's turn to be decoded comes, and must not change until then. */
export type AudioBytes = Uint8Array | Uint8ClampedArray | Int8Array | DataView | ArrayBuffer | SharedArrayBuffer;

/** A `Blob` or `File`: Node's, a browser's, or a library's. It is read in one piece. */
export interface AudioBlob {
  readonly size: number;
  arrayBuffer(): Promise<ArrayBuffer>;
  stream(): unknown;
}

/** A web `ReadableStream` of bytes, such as `response.body`. */
export interface AudioWebStream {
  readonly locked: boolean;
  getReader(): {
    read(): Promise<{ done: boolean; value?: unknown }>;
    cancel(reason?: unknown): Promise<unknown>;
  };
}

/** A `URL`, of this realm or another. */
export interface AudioUrl {
  readonly href: string;
  readonly protocol: string;
}

/**
 * What `recognize` takes:
 * - the path of a file, or its `file:` URL (a `URL`), whose percent-encoding may hold names that are not UTF-8
 * - the bytes of an encoded file
 * - a `Blob` or `File`; a `data:` URL, as a string or a `URL`
 * - a Node stream or web stream of the bytes of an encoded file, or an iterable or async iterable of pieces of them. It is consumed:
 *   read from its turn on, a piece at a time, up to `maxBytes`, and destroyed, cancelled or returned where the call ends early.
 * - raw mono samples with their rate
 *
 * `http:` and other URLs are not fetched.
 */
export type AudioInput =
  | string
  | AudioUrl
  | AudioBytes
  | AudioBlob
  | AudioWebStream
  | AsyncIterable<AudioBytes>
  | Iterable<AudioBytes>
  | NodeJS.ReadableStream
  | AudioSamples;

/** The first sample that is not a finite number; -1 where all are. */
export function firstNotFinite(samples: Float32Array): number {
  // A sum is finite only where all are: ten times as fast as asking each, in an array of millions. It cannot overflow by itself.
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += samples[i]!;
  return Number.isFinite(sum) ? -1 : samples.findIndex((sample) => !Number.isFinite(sample));
}
