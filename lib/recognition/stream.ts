import { types } from 'node:util';

import { bytesOf } from '../audio/input/bytes.js';
import { type AudioBytes, firstNotFinite, type Pcm } from '../audio/pcm.js';
import { EmotionError } from '../shared/errors.js';
import { Source } from '../shared/read-ahead.js';
import { kindOf } from '../shared/text.js';

/** A chunk of a stream: samples from -1 to 1, 16-bit samples, or bytes in the `encoding` of the options. */
export type AudioChunk = Float32Array | Int16Array | AudioBytes;

export interface WindowOptions {
  /** Samples per second. */
  sampleRate: number;
  /** Seconds. */
  window: number;
  /** Seconds. */
  hop: number;
  encoding: 's16le' | 'f32le';
  whenBehind: 'wait' | 'skip';
  /** Aborting ends the iteration with the reason of the signal. */
  signal?: AbortSignal | undefined;
}

/** A window of a stream. */
export interface StreamWindow {
  /** Seconds from the start of the stream. */
  start: number;
  /** Seconds from the start of the stream. */
  end: number;
  /** Number of windows that were skipped before this one because they were not consumed in time. */
  skipped: number;
  pcm: Pcm;
}

/**
 * Splits a stream of samples into windows. The last window ends where the stream ends, so that the end of the speech is in a
 * whole window. A stream shorter than a window is a single window. Holds at most two windows and two chunks in memory, regardless
 * of the length of the stream and the speed of the consumer.
 * @throws TypeError if a chunk holds no samples
 * @throws EmotionError ERR_AUDIO_NOT_FINITE
 */
export async function* windowsOf(
  stream: AsyncIterable<AudioChunk> | Iterable<AudioChunk>,
  { sampleRate, window, hop, encoding, whenBehind, signal }: WindowOptions,
): AsyncGenerator<StreamWindow, void, undefined> {
  const source = new Source(stream, 'The stream', signal);
  const size = Math.round(window * sampleRate);
  const step = Math.round(hop * sampleRate);
  const reader = new SampleReader(encoding);
  const tail = new Tail(size);
  let due = size; // end of the next window, in samples from the start of the stream
  let ready: Ready | undefined;
  let cut = 0; // end of the last window
  let skipped = 0;

  const offer = (end: number, samples: Float32Array): void => {
    if (ready !== undefined) skipped++;
    ready = { end, samples };
    cut = end;
    // With 'wait', reading ends here, and its end notifies the consumer. An earlier notification would arrive while it still reads,
    // and the next read would not start.
    if (whenBehind === 'skip') source.notify();
  };
  /** Reads until a window is ready; with `skip`, to the end of the stream. */
  const readOn = async (): Promise<void> => {
    while (!source.closed && (ready === undefined || whenBehind === 'skip')) {
      if (tail.pending === 0) {
        const next = await source.next();
        if (next.done) {
          if (tail.end > cut) offer(tail.end, tail.last(Math.min(size, tail.end)));
          return;
        }
        tail.append(reader.read(next.value));
      }
      tail.advance(due);
      if (tail.end === due) {
        offer(due, tail.last(size));
        due += step;
      }
    }
  };

  try {
    for (;;) {
      signal?.throwIfAborted();
      if (ready !== undefined) {
        const { end, samples }: Ready = ready;
        ready = undefined;
        const start = (end - samples.length) / sampleRate;
        const window = { start, end: end / sampleRate, skipped, pcm: { samples, sampleRate } };
        skipped = 0;
        source.read(readOn); // reads the next window while this one is inferred
        yield window;
      } else if (source.ended) {
        source.throwFailure();
        return;
      } else {
        source.read(readOn);
        await source.change();
      }
    }
  } finally {
    await source.close();
  }
}

interface Ready {
  /** In samples from the start of the stream. */
  end: number;
  samples: Float32Array;
}

/** The last samples of a stream, at most a window of them, and the samples of the last chunk that are still to be processed. */
class Tail {
  readonly #ring: Float32Array;
  #chunk: Float32Array = new Float32Array();
  #end = 0;

  constructor(size: number) {
    this.#ring = new Float32Array(size);
  }

  /** Number of samples that were processed. */
  get end(): number {
    return this.#end;
  }

  get pending(): number {
    return this.#chunk.length;
  }

  append(chunk: Float32Array): void {
    this.#chunk = chunk;
  }

  /** Processes the samples of the chunk, up to position `to` of the stream. */
  advance(to: number): void {
    const count = Math.min(this.#chunk.length, to - this.#end);
    const size = this.#ring.length;
    for (let i = Math.max(0, count - size); i < count;) {
      const at = (this.#end + i) % size;
      const run = Math.min(count - i, size - at);
      this.#ring.set(this.#chunk.subarray(i, i + run), at);
      i += run;
    }
    this.#end += count;
    this.#chunk = this.#chunk.subarray(count);
  }

  /** Returns a copy of the last `count` samples, at most a window. */
  last(count: number): Float32Array {
    const samples = new Float32Array(count);
    const size = this.#ring.length;
    const first = (this.#end - count) % size;
    const head = Math.min(count, size - first);
    samples.set(this.#ring.subarray(first, first + head));
    samples.set(this.#ring.subarray(0, count - head), head);
    return samples;
  }
}

/** Reads the samples of chunks. Chunks of bytes may split in the middle of a sample. */
class SampleReader {
  readonly #encoding: 's16le' | 'f32le';
  /** The first bytes of a sample that continues in the next chunk. */
  #rest = Buffer.alloc(0);
  #count = 0;

  constructor(encoding: 's16le' | 'f32le') {
    this.#encoding = encoding;
  }

  read(chunk: unknown): Float32Array {
    const samples = this.#samples(chunk);
    const bad = firstNotFinite(samples);
    if (bad >= 0) {
      throw new EmotionError('ERR_AUDIO_NOT_FINITE', `The stream's sample ${this.#count + bad} is not a finite number`);
    }
    this.#count += samples.length;
    return samples;
  }

  #samples(chunk: unknown): Float32Array {
    // Arrays of another realm are not instances of this realm's classes, but `types` recognizes them.
    if (types.isFloat32Array(chunk)) return chunk.slice(); // the producer may reuse its buffer
    if (types.isInt16Array(chunk)) return Float32Array.from(chunk, fromInt16);
    const received = bytesOf(chunk);
    if (received === undefined) {
      throw new TypeError(
        `The chunks of a stream must be Float32Array, Int16Array or bytes (Buffer, Uint8Array), received ${kindOf(chunk)}`,
      );
    }
    const width = this.#encoding === 's16le' ? 2 : 4;
    const bytes = Buffer.concat([this.#rest, received]);
    const count = Math.floor(bytes.length / width);
    this.#rest = Buffer.from(bytes.subarray(count * width));
    return Float32Array.from({ length: count }, (_, i) =>
      width === 2 ? fromInt16(bytes.readInt16LE(2 * i)) : bytes.readFloatLE(4 * i),
    );
  }
}

function fromInt16(sample: number): number {
  return sample / 32768;
}
