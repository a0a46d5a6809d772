import path from 'node:path';
import { Worker } from 'node:worker_threads';

import { EmotionError } from '../errors.js';
import type { DecodeJob, DecodeReply } from './decode-worker.js';
import type { AudioInput, Pcm } from './pcm.js';

const IDLE_MS = 10_000;
/** Samples of a clip after which the worker ends at once: what it read would stay in memory while the model runs. */
const LARGE = 2 ** 22;
const MAX_RATE = 768_000;

/**
 * Decodes a file, or encoded bytes, into one channel: the mean of all. Reading and decoding run in a worker thread. Raw
 * samples pass as they are.
 * @throws TypeError for another kind of input
 * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_AUDIO_DECODE, ERR_AUDIO_TOO_SHORT, ERR_AUDIO_NOT_FINITE
 */
export async function decodeAudio(input: AudioInput, { signal }: { signal?: AbortSignal } = {}): Promise<Pcm> {
  signal?.throwIfAborted();
  if (typeof input === 'string') return worker.decode(input, signal);
  // Copied: the bytes move to the worker, and the caller keeps his.
  if (input instanceof Uint8Array) return worker.decode(Uint8Array.from(input), signal);
  if (input instanceof ArrayBuffer) return worker.decode(new Uint8Array(input.slice(0)), signal);
  return checkPcm(input);
}

function checkPcm(input: unknown): Pcm {
  const { samples, sampleRate } = (input ?? {}) as Partial<Pcm>;
  if (!(samples instanceof Float32Array)) {
    throw new TypeError('The input must be a path, encoded bytes, or { samples: Float32Array, sampleRate }');
  }
  if (!Number.isInteger(sampleRate) || sampleRate! < 1 || sampleRate! > MAX_RATE) {
    throw new TypeError(`sampleRate must be an integer from 1 to ${MAX_RATE}, got ${String(sampleRate)}`);
  }
  if (samples.length === 0) throw new EmotionError('ERR_AUDIO_TOO_SHORT', 'The clip holds no samples');
  const bad = samples.findIndex((sample) => !Number.isFinite(sample));
  if (bad >= 0) throw new EmotionError('ERR_AUDIO_NOT_FINITE', `The clip's sample ${bad} is not a finite number`);
  return { samples, sampleRate: sampleRate! };
}

interface Pending {
  resolve: (pcm: Pcm) => void;
  reject: (reason: unknown) => void;
}

/** The worker thread, started on the first clip and ended after a while without one. It never keeps the process alive. */
class DecodeWorker {
  #thread: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #nextId = 0;
  readonly #pending = new Map<number, Pending>();

  decode(source: string | Uint8Array, signal: AbortSignal | undefined): Promise<Pcm> {
    const id = this.#nextId++;
    const thread = this.#start();
    return new Promise<Pcm>((resolve, reject) => {
      const onAbort = () => this.#settle(id)?.reject(signal?.reason);
      const done = () => signal?.removeEventListener('abort', onAbort);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(id, {
        resolve: (pcm) => (done(), resolve(pcm)),
        reject: (reason) => (done(), reject(reason)),
      });
      thread.ref();
      thread.postMessage(
        { id, source } satisfies DecodeJob,
        typeof source === 'string' ? [] : [source.buffer as ArrayBuffer],
      );
    });
  }

  #start(): Worker {
    clearTimeout(this.#idle);
    if (this.#thread !== undefined) return this.#thread;
    // Decoders that print must not write into a command's output.
    const thread = new Worker(path.join(__dirname, 'decode-worker.js'), { stdout: true, stderr: true, execArgv: [] });
    thread.on('message', (reply: DecodeReply) => {
      const pending = this.#settle(reply.id);
      if ('code' in reply) pending?.reject(new EmotionError(reply.code, reply.what, { cause: new Error(reply.cause) }));
      else {
        if (reply.samples.length > LARGE && this.#pending.size === 0) this.#retire();
        pending?.resolve({ samples: reply.samples, sampleRate: reply.sampleRate });
      }
    });
    thread.on('error', (cause) => this.#lost(thread, cause));
    thread.on('exit', () => this.#lost(thread, undefined));
    this.#thread = thread;
    return thread;
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) {
      this.#thread?.unref();
      this.#idle = setTimeout(() => this.#retire(), IDLE_MS).unref();
    }
    return pending;
  }

  /** Ends the thread; a clip that comes meanwhile gets a new one. */
  #retire(): void {
    const thread = this.#thread;
    this.#thread = undefined;
    clearTimeout(this.#idle);
    void thread?.terminate();
  }

  /** A decoder that runs out of memory takes its thread along: its clips fail, and the next one gets a new thread. */
  #lost(thread: Worker, cause: Error | undefined): void {
    if (this.#thread !== thread) return;
    this.#thread = undefined;
    clearTimeout(this.#idle);
    for (const { reject } of this.#pending.values()) {
      const what = `The decoder stopped in the middle of the clip${cause === undefined ? '' : `: ${cause.message}`}`;
      reject(new EmotionError('ERR_AUDIO_DECODE', what, { cause }));
    }
    this.#pending.clear();
  }
}

const worker = new DecodeWorker();
