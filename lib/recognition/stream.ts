import { types } from 'node:util';

import { bytesOf } from '../audio/bytes.js';
import { type AudioBytes, firstNotFinite, type Pcm } from '../audio/pcm.js';
import { EmotionError } from '../shared/errors.js';
import { Source } from '../shared/read-ahead.js';
import { kindOf } from '../shared/text.js';

/** Samples, or bytes that hold them in the encoding that was told. */
export type AudioChunk = Float32Array | Int16Array | AudioBytes;

export interface WindowOptions {
  /** Hz. */
  sampleRate: number;
  window: number;
  hop: number;
  encoding: 's16le' | 'f32le';
  whenBehind: 'wait' | 'skip';
  /** Aborting ends the iteration with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** A stretch of a stream. */
export interface StreamWindow {
  /** Seconds from the stream's start. */
  start: number;
  /** Seconds from the stream's start. */
  end: number;
  /** Windows left out before this one, since nobody was there to take them. */
  skipped: number;
  pcm: Pcm;
}

/**
 * Cuts a stream of samples into windows. The last one ends where the stream does, so that its last words are in a whole window;
 * a stream shorter than a window is one by itself. Memory: two windows and two chunks, however long the stream and however slow
 * the taker.
 * @throws TypeError for chunks that are no samples
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
  let due = size; // where the next window ends, in samples from the stream's start
  let ready: Ready | undefined;
  let cut = 0; // where the last window ended
  let skipped = 0;

  const offer = (end: number, samples: Float32Array): void => {
    if (ready !== undefined) skipped++;
    ready = { end, samples };
    cut = end;
    // Where reading stops here, its end tells: told now, the taker would find it still reading and not ask for the next one.
    if (whenBehind === 'skip') source.changed();
  };
  /** Reads until a window waits that was not taken; with `skip`, to the stream's end. */
  const readOn = async (): Promise<void> => {
    while (!source.closed && (ready === undefined || whenBehind === 'skip')) {
      if (tail.waiting === 0) {
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
        source.read(readOn); // the next one, while this one is heard
        yield window;
      } else if (source.over) {
        source.rethrow();
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
  /** Samples from the stream's start. */
  end: number;
  samples: Float32Array;
}

/** The last samples of a stream, up to a window of them, and those of the last chunk that are still to come. */
class Tail {
  readonly #ring: Float32Array;
  #chunk: Float32Array = new Float32Array();
  #end = 0;

  constructor(size: number) {
    this.#ring = new Float32Array(size);
  }

  /** Samples gone by. */
  get end(): number {
    return this.#end;
  }

  get waiting(): number {
    return this.#chunk.length;
  }

  append(chunk: Float32Array): void {
    this.#chunk = chunk;
  }

  /** Lets samples go by, up to `to` or as many as there are. */
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

  /** A copy of the last `count` samples, at most a window. */
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

/** Samples of chunks, whose bytes may part anywhere. */
class SampleReader {
  readonly #encoding: 's16le' | 'f32le';
  /** Bytes of a sample whose other half is in the next chunk. */
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
    // By what they are rather than by class: those of another realm are no instances of ours.
    if (types.isFloat32Array(chunk)) return chunk.slice(); // who writes the stream may use it again
    if (types.isInt16Array(chunk)) return Float32Array.from(chunk, fromInt16);
    const given = bytesOf(chunk);
    if (given === undefined) {
      throw new TypeError(
        `The chunks of a stream must be Float32Array, Int16Array or bytes (Buffer, Uint8Array), got ${kindOf(chunk)}`,
      );
    }
    const width = this.#encoding === 's16le' ? 2 : 4;
    const bytes = Buffer.concat([this.#rest, given]);
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
