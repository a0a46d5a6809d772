/** One channel of audio: the form in which clips are passed between the folders of lib/. */
export interface Pcm {
  /** Samples as float32, nominally -1..1. */
  readonly samples: Float32Array;
  /** Samples per second, 1000 to 768000. */
  readonly sampleRate: number;
}

/** Raw samples of one channel. */
export interface AudioSamples {
  /**
   * Float32Array or Float64Array: nominally -1..1. Int16Array: -32768..32767. The samples are read until the call settles and
   * must not change before that. Samples on a SharedArrayBuffer are copied when decoding of the clip begins.
   */
  readonly samples: Float32Array | Float64Array | Int16Array;
  /** Samples per second, 1 to 768000. */
  readonly sampleRate: number;
}

/** Bytes in any kind of buffer or view. They are copied when decoding of the clip begins, and must not change before that. */
export type AudioBytes = Uint8Array | Uint8ClampedArray | Int8Array | DataView | ArrayBuffer | SharedArrayBuffer;

/** A `Blob` or `File` of Node, of a browser or of a library. It is read in one piece. */
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

/** A `URL` of any realm. */
export interface AudioUrl {
  readonly href: string;
  readonly protocol: string;
}

/**
 * An input of `recognize`:
 * - the path of a file, or its `file:` URL (a `URL`), whose percent-encoding may express names that are not UTF-8
 * - the bytes of an encoded file
 * - a `Blob` or `File`; a `data:` URL, as a string or a `URL`
 * - a Node stream or web stream of the bytes of an encoded file, or an iterable or async iterable of chunks of them. The stream
 * is
 *   consumed: it is read chunk by chunk once decoding of the clip begins, up to `maxBytes`. It is destroyed, cancelled or
 * returned
 *   if the call ends early.
 * - raw mono samples with their sample rate
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

/** Returns the index of the first sample that is not a finite number, or -1 if all are finite. */
export function firstNotFinite(samples: Float32Array): number {
  // A sum is finite only if all its terms are. In an array of millions of samples this is ten times as fast as testing each sample.
  // The sum of finite float32 values cannot overflow a double.
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += samples[i]!;
  return Number.isFinite(sum) ? -1 : samples.findIndex((sample) => !Number.isFinite(sample));
}
