/**
 * `emotion2vec-node/torch`: a general TorchScript runtime for Node. Loading and running happen on native threads; the
 * event loop only copies inputs in and results out.
 */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';

import { onAbort } from '../shared/abort.js';
import { loadPlaced } from '../device/placement.js';
import { EmotionError, type ErrorCode, isErrorCode, messageOf } from '../shared/errors.js';
import { fileKind } from '../archive/file-kind.js';
import {
  type DeviceMemory,
  type LoadWatch,
  type NativeBinding,
  type NativeModule,
  nativeBinding,
  type QuantizeReport,
  type Ticket,
} from '../native/binding.js';
import { reasonOf } from '../native/reason.js';
import { parseOptions } from '../options/parse.js';
import type { Precision, QuantizeOptions, TorchOptions } from '../options/types.js';
import { quantizeOptionsSchema, torchOptionsSchema } from '../options/schemas.js';
import { writeWhole } from '../shared/whole-file.js';

export { EmotionError, type ErrorCode } from '../shared/errors.js';
export type { DeviceMemory, LoadWatch, QuantizeReport } from '../native/binding.js';
export type { Device, Precision, QuantizeOptions, TorchOptions } from '../options/types.js';

/** dtype -> the typed array that carries it. float16 and bfloat16 are raw bits; bool is 0 or 1. */
export interface TensorArrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  int32: Int32Array;
  int64: BigInt64Array;
  bool: Uint8Array;
}

export type Dtype = keyof TensorArrays;

/** A tensor: `data` holds the elements in row-major order, as many as the product of `shape`. */
export interface Tensor<D extends Dtype = Dtype> {
  dtype: D;
  shape: number[];
  data: TensorArrays[D];
}

/** A tensor of some dtype, its data in the array that carries it. */
export type AnyTensor = { [D in Dtype]: Tensor<D> }[Dtype];

/**
 * What goes into a method: tensors, numbers, bigints, strings, booleans, null, arrays (lists and tuples), objects and Maps
 * (dicts), as its TorchScript signature asks. A NamedTuple is an array, or an object with its fields by name.
 */
export type TorchInput =
  | AnyTensor
  | number
  | bigint
  | string
  | boolean
  | null
  | readonly TorchInput[]
  | ReadonlyMap<TorchInput, TorchInput>
  | { readonly [key: string]: TorchInput };

export interface CallOptions {
  /**
   * Where the result is a tuple: the elements that are wanted. The others come back as null without being copied, which
   * matters for large tensors. Default: all.
   */
  keep?: readonly number[];
  /**
   * Aborting rejects with the signal's reason: a run that waits is dropped with its inputs. One under way cannot be stopped: it ends
   * unseen, keeps its processors until then, and does not keep the process from ending (docs/serving.md).
   */
  signal?: AbortSignal;
  /** Filled in when the run has ended. */
  timing?: RunTiming;
}

/** Milliseconds that a run waited for processors, and that it took. */
export interface RunTiming {
  waitMs?: number;
  runMs?: number;
}

/** A method takes no more arguments than Python's do. */
const MOST_INPUTS = 255;

export interface SaveOptions {
  /** Text files to put into the archive beside the module: name -> content. */
  extraFiles?: Readonly<Record<string, string>>;
}

/**
 * A loaded TorchScript module. Modules opened from the same file share one set of weights in the whole process; what its methods change
 * (buffers, lists, counters) is each one's own, from the first call of such a method.
 */
export class TorchModule {
  #native: NativeModule | undefined;
  /** Settles when the module can be called again. */
  #quantizing: Promise<unknown> | undefined;
  #disposed = false;
  #precision: Exclude<Precision, 'auto'>;
  readonly #binding: NativeBinding;
  /** Intra-op threads of a run. Runs go in parallel, as many as the processors have room for. */
  readonly threads: number;
  /** Where it runs, resolved: never `auto`. */
  readonly device: string;

  private constructor(native: NativeModule, device: string, threads: number, binding: NativeBinding) {
    this.#native = native;
    this.#binding = binding;
    this.#precision = native.precision();
    this.threads = threads;
    this.device = device;
  }

  /**
   * Loads a TorchScript archive (`torch.jit.save`) in evaluation mode. A TorchScript archive is a program: load only archives
   * that you trust. It may read and write files, and return memory that it did not fill (SECURITY.md).
   * @param watch gets `fraction()`: how much of the archive has been read, 0 to 1
   * @throws TypeError for wrong options
   * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_MODEL_LOAD (which calls other kinds of files by their names), ERR_DEVICE_UNAVAILABLE, ERR_PRECISION_UNSUPPORTED,
   *   ERR_LIBTORCH_MISSING, ERR_ADDON_MISSING, ERR_OUT_OF_MEMORY
   */
  static async load(file: string, options: TorchOptions = {}, watch: LoadWatch = {}): Promise<TorchModule> {
    if (typeof file !== 'string') throw new TypeError('The path of a TorchScript archive must be a string');
    const settings = parseOptions(torchOptionsSchema, options);
    const { device, precision, threads, memoryBudgetBytes: budgetBytes } = settings;
    if (!existsSync(file)) throw new EmotionError('ERR_FILE_NOT_FOUND', `There is no model at ${file}`);
    const stats = statSync(file);
    if (!stats.isFile()) throw new EmotionError('ERR_MODEL_LOAD', `${file} is not a file`);
    await requireTorchScript(file);
    const binding = await nativeBinding();
    return loadPlaced({ device, file, bytes: stats.size, budgetBytes }, async (placed) => {
      try {
        const native = await binding.load(path.resolve(file), placed, precision, watch, budgetBytes);
        // On CUDA a processor is all that a run needs.
        const most = placed === 'cpu' ? binding.usableCpus : 1;
        return new TorchModule(native, placed, Math.min(threads ?? Infinity, most), binding);
      } catch (error) {
        throw fromNative(error, (what, code) =>
          code === 'ERR_MODEL_LOAD'
            ? `${file} is not a TorchScript archive that libtorch can load: ${what}`
            : `${file}: ${what}`,
        );
      }
    });
  }

  /** Of its CUDA device; zeros on the CPU. */
  deviceMemory(): DeviceMemory {
    this.#open();
    return this.#binding.deviceMemory(this.device);
  }

  /** What its linear layers compute in, resolved: never `auto`. */
  get precision(): Exclude<Precision, 'auto'> {
    return this.#precision;
  }

  /** The names of the methods that can be called, `forward` among them. */
  get methods(): string[] {
    return this.#open().methods();
  }

  /** The text of an extra file inside the archive; null when it has none of that name. */
  extraFile(name: string): string | null {
    return this.#open().extraFile(name);
  }

  /** Runs `forward`: `call('forward', inputs)`. */
  forward(inputs: readonly TorchInput[], options: CallOptions = {}): Promise<unknown> {
    return this.call('forward', inputs, options);
  }

  /**
   * Runs a method. Inputs are copied before it returns, so that the caller may reuse them at once.
   * @returns a Tensor, number, string, boolean, null, array (tuple, list), object (dict of strings) or Map (other dicts);
   *   integers beyond 2^53 are bigints; tensors of sparse and oneDNN layout come back dense
   * @throws TypeError when the inputs do not fit the method's signature, or the result has no JavaScript counterpart
   * @throws EmotionError ERR_MODEL_RUN with libtorch's message, ERR_OUT_OF_MEMORY, ERR_CLOSED
   */
  async call(method: string, inputs: readonly TorchInput[], options: CallOptions = {}): Promise<unknown> {
    if (typeof method !== 'string') throw new TypeError('The name of a method must be a string');
    if (!Array.isArray(inputs)) throw new TypeError('inputs must be an array, one element for each argument');
    if (inputs.length > MOST_INPUTS) throw new TypeError(`inputs has more than ${MOST_INPUTS} elements`);
    inputs = Array.from(inputs); // an array for native code too, whatever behaves like one
    options.signal?.throwIfAborted();
    try {
      if (this.#quantizing !== undefined) {
        this.#open();
        inputs = copyOf(inputs);
        while (this.#quantizing !== undefined) await this.#quantizing;
        options.signal?.throwIfAborted();
        return await this.#run(this.#native!, method, inputs, options);
      }
      return await this.#run(this.#open(), method, inputs, options);
    } catch (error) {
      if (options.signal?.aborted) throw options.signal.reason;
      throw fromNative(error, (what) => `${method}() failed: ${what}`);
    }
  }

  /**
   * Turns the weights of all linear layers into int8 with a scale for each output, and computes with int8 from then on, on
   * inputs quantised row by row; or, with `precision: 'bf16'`, into bfloat16. Works on any model, scripted, traced or frozen;
   * what is not a linear layer with constant weights stays exact, and methods that would write such a weight are dropped. The
   * weights go one by one, so that memory never holds more than the model and one of them. Calls made meanwhile wait; other
   * TorchModules of the same file keep theirs. `save` then writes an archive that any libtorch runs.
   * @throws TypeError for wrong options
   * @throws EmotionError ERR_PRECISION_UNSUPPORTED, or ERR_QUANTIZE where nothing can be quantised or it was done before; the
   *   module stays as it was
   */
  async quantize(options: QuantizeOptions = {}): Promise<QuantizeReport> {
    const { precision } = parseOptions(quantizeOptionsSchema, options);
    this.#open();
    while (this.#quantizing !== undefined) await this.#quantizing;
    const answer = this.#native!.quantize(precision);
    const done = answer.then(({ module, report, error }) => {
      this.#native = module;
      this.#precision = module.precision();
      this.#quantizing = undefined;
      if (this.#disposed) setImmediate(() => this.#release()); // after the calls that waited
      if (report === undefined) throw fromNative(error, (what) => what);
      return report;
    });
    this.#quantizing = done.catch(() => undefined);
    return done;
  }

  /**
   * Writes the module as a TorchScript archive, plain for any libtorch. The file appears under its name only when it is whole.
   * The archive's extra files are written again; `extraFiles` (name -> text) adds to them.
   * @throws EmotionError ERR_FILE_WRITE
   */
  async save(file: string, { extraFiles = {} }: SaveOptions = {}): Promise<void> {
    try {
      this.#open();
      while (this.#quantizing !== undefined) await this.#quantizing;
      await writeWhole(path.resolve(file), (part) => this.#native!.save(part, extraFiles));
    } catch (error) {
      throw fromNative(error, (what) => `${file} could not be written: ${what}`);
    }
  }

  /** Gives the module up; its memory goes when no other TorchModule shares it. Calls already made still finish. */
  dispose(): void {
    this.#disposed = true;
    if (this.#quantizing === undefined) this.#release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #run(native: NativeModule, method: string, inputs: readonly TorchInput[], options: CallOptions): Promise<unknown> {
    const { keep, signal, timing } = options;
    const ticket: Ticket = {};
    const settled = () => timing && Object.assign(timing, { waitMs: ticket.waitMs, runMs: ticket.runMs });
    const running = native.call(method, inputs, this.threads, keep, ticket).finally(settled);
    if (signal === undefined) return running;
    return new Promise((resolve, reject) => {
      const unfollow = onAbort(signal, () => {
        this.#binding.cancel(ticket.id!);
        reject(signal.reason as Error);
      });
      running.then(
        (output) => (unfollow(), resolve(output)),
        (error: Error) => (unfollow(), reject(error)),
      );
    });
  }

  #release(): void {
    this.#native?.dispose();
    this.#native = undefined;
  }

  #open(): NativeModule {
    if (this.#disposed || this.#native === undefined) throw new EmotionError('ERR_CLOSED', 'The module was disposed');
    return this.#native;
  }
}

function copyOf(inputs: readonly TorchInput[]): readonly TorchInput[] {
  try {
    return structuredClone(inputs);
  } catch (cause) {
    throw new TypeError(`The inputs hold what no method takes: ${messageOf(cause)}`, { cause });
  }
}

/** The addon's errors carry `code`; TypeErrors pass. The message is libtorch's reason, the whole of it in `cause`. */
function fromNative(error: unknown, describe: (what: string, code: ErrorCode) => string): unknown {
  if (!(error instanceof Error) || error instanceof TypeError || error instanceof EmotionError) return error;
  const given: unknown = (error as { code?: unknown }).code;
  const code = isErrorCode(given) ? given : 'ERR_MODEL_RUN';
  const { what, remedy } = reasonOf(messageOf(error));
  return new EmotionError(code, describe(what, code), { cause: error, ...(remedy !== undefined && { remedy }) });
}

/** Before libtorch sees it, which would only say that it is no zip file. */
async function requireTorchScript(file: string): Promise<void> {
  const { kind, name, remedy } = await fileKind(file).catch((cause: unknown) => {
    const { code } = cause as NodeJS.ErrnoException;
    throw new EmotionError('ERR_FILE_READ', `${file} cannot be read (${code ?? messageOf(cause)})`, { cause });
  });
  if (kind !== 'torchscript')
    throw new EmotionError('ERR_MODEL_LOAD', `${file} is not a TorchScript archive but ${name}`, { remedy });
}
