import path from 'node:path';

import { type Archive, openArchive } from '../archive/archive.js';
import { type Placement, place, withFallback } from '../device/placement.js';
import {
  type DeviceMemory,
  type LoadWatch,
  type NativeBinding,
  type NativeModule,
  nativeBinding,
  type Ticket,
} from '../native/binding.js';
import { explainNative } from '../native/reason.js';
import { parseOptions } from '../options/parse.js';
import { quantizeOptionsSchema, torchOptionsSchema } from '../options/schemas.js';
import type { QuantizeOptions, ResolvedDevice, ResolvedPrecision, TorchOptions } from '../options/types.js';
import { onAbort } from '../shared/abort.js';
import { EmotionError, messageOf, type Problem } from '../shared/errors.js';
import { kindOf, shown } from '../shared/text.js';
import { writeWhole } from '../shared/whole-file.js';
import { followLoad } from './load-progress.js';
import type { TorchInput } from './tensor.js';
import type { CallOptions, QuantizeReport, RunResult, SaveOptions } from './types.js';

/** Options of `loadAt`. */
interface LoadSettings extends Omit<TorchOptions, 'device'> {
  /** Called with the device before the module loads on it. Throws if the module cannot fit there. */
  checkFit?: (device: ResolvedDevice) => void;
}

/** Maximum number of inputs of a method. */
const MAX_INPUTS = 255;

/** Loads an open archive on the device that `place` chose: the last step of every load. */
export let loadAt: (archive: Archive, placement: Placement, settings: LoadSettings) => Promise<TorchModule>;

/**
 * A loaded TorchScript module. Modules that were loaded from the same file share one set of weights in the process. Buffers,
 * lists and counters that its methods change belong to each module alone, starting with the first call of such a method.
 */
export class TorchModule {
  #native: NativeModule | undefined;
  /** Settles when the module can be called again. */
  #quantizing: Promise<unknown> | undefined;
  #disposed = false;
  #precision: ResolvedPrecision;
  readonly #binding: NativeBinding;
  /** Number of intra-op threads of a run. Runs execute in parallel as long as enough processors are free. */
  readonly threads: number;
  /** The device that the module runs on. Its inputs are copied to it, and its results back. */
  readonly device: ResolvedDevice;

  private constructor(native: NativeModule, device: ResolvedDevice, threads: number, binding: NativeBinding) {
    this.#native = native;
    this.#binding = binding;
    this.#precision = native.precision();
    this.threads = threads;
    this.device = device;
  }

  static {
    loadAt = async ({ file }, placement, { precision = 'auto', threads = Infinity, ...settings }) => {
      const { memoryBudgetBytes, onProgress, checkFit } = settings;
      const binding = await nativeBinding();
      return withFallback(file, placement, async (device) => {
        checkFit?.(device);
        const watch: LoadWatch = {};
        const loading = binding.load(file, device, precision, watch, memoryBudgetBytes);
        try {
          const native = await followLoad(loading, () => watch.fraction?.() ?? 0, onProgress);
          const maxThreads = device === 'cpu' ? binding.usableCpus : 1; // a run on CUDA needs only one processor
          return new TorchModule(native, device, Math.min(threads, maxThreads), binding);
        } catch (error) {
          throw fromNative(error, ({ code, what }) =>
            code === 'ERR_MODEL_LOAD'
              ? `${shown(file)} is not a TorchScript archive that libtorch can load: ${what}`
              : `${shown(file)}: ${what}`,
          );
        }
      });
    };
  }

  /**
   * Loads a TorchScript archive (`torch.jit.save`) in evaluation mode. A TorchScript archive is a program: load only archives
   * that you trust. It may read and write files, and return memory that it did not initialize (SECURITY.md).
   * @param file path of the archive
   * @throws TypeError (code ERR_INVALID_OPTIONS) for invalid options
   * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_MODEL_LOAD (the message names the kind of a file that is not a
   *   TorchScript archive), ERR_DEVICE_UNAVAILABLE, ERR_PRECISION_UNSUPPORTED, ERR_LIBTORCH_MISSING, ERR_ADDON_MISSING,
   *   ERR_PLATFORM, ERR_OUT_OF_MEMORY
   */
  static async load(file: string, options: TorchOptions = {}): Promise<TorchModule> {
    if (typeof file !== 'string') throw new TypeError('The path of a TorchScript archive must be a string');
    const { device, ...settings } = parseOptions(torchOptionsSchema, options);
    const archive = await openArchive(file);
    const placement = await place({ ...archive, device, budgetBytes: settings.memoryBudgetBytes });
    return loadAt(archive, placement, settings);
  }

  /**
   * Returns the memory of the module's CUDA device, in bytes; zeros on the CPU.
   * @throws EmotionError ERR_CLOSED
   */
  deviceMemory(): DeviceMemory {
    this.#open();
    return this.#binding.deviceMemory(this.device);
  }

  /** The precision that the linear layers compute in. */
  get precision(): ResolvedPrecision {
    return this.#precision;
  }

  /**
   * The names of the methods that can be called, `forward` among them.
   * @throws EmotionError ERR_CLOSED
   */
  get methods(): string[] {
    return this.#open().methods();
  }

  /**
   * Returns the text of an extra file of the archive; null if the archive has no extra file with that name.
   * @throws EmotionError ERR_CLOSED
   */
  extraFile(name: string): string | null {
    return this.#open().extraFile(name);
  }

  /**
   * Runs `forward`: the same as `call('forward', inputs, options)`.
   * @throws as `run`
   */
  forward(inputs: readonly TorchInput[], options: CallOptions = {}): Promise<unknown> {
    return this.call('forward', inputs, options);
  }

  /**
   * Runs a method.
   * @returns what the method returned (`RunResult.output`)
   * @throws as `run`
   */
  async call(method: string, inputs: readonly TorchInput[], options: CallOptions = {}): Promise<unknown> {
    const { output } = await this.run(method, inputs, options);
    return output;
  }

  /**
   * Runs a method and measures the run. The inputs are copied before `run` returns, so the caller may reuse them at once.
   * @param inputs one element for each argument of the method
   * @throws TypeError if the inputs do not match the signature of the method, or its result has no equivalent in JavaScript
   * @throws EmotionError ERR_MODEL_RUN with the message of libtorch, ERR_OUT_OF_MEMORY, ERR_CLOSED; the reason of the signal
   */
  async run(method: string, inputs: readonly TorchInput[], options: CallOptions = {}): Promise<RunResult> {
    if (typeof method !== 'string') throw new TypeError('The name of a method must be a string');
    if (!Array.isArray(inputs)) throw new TypeError('inputs must be an array, one element for each argument');
    if (inputs.length > MAX_INPUTS) throw new TypeError(`inputs has more than ${MAX_INPUTS} elements`);
    inputs = Array.from(inputs); // native code requires a real array
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
      throw fromNative(error, ({ what }) => `${method}() failed: ${what}`);
    }
  }

  /**
   * Converts the weights of all linear layers to int8, with one scale per output. These layers then compute in int8, on inputs
   * that are quantized row by row. With `precision: 'bf16'`, the weights become bfloat16. Works on any model, scripted, traced or
   * frozen. Everything that is not a linear layer with constant weights stays exact. Methods that would write to such a weight
   * are removed. The weights are converted one by one, so memory never holds more than the model and one of them. Calls that are
   * made in the meantime wait. Other TorchModules of the same file keep their weights. `save` then writes an archive that any
   * libtorch can run.
   * @throws TypeError (code ERR_INVALID_OPTIONS) for invalid options
   * @throws EmotionError ERR_PRECISION_UNSUPPORTED; ERR_QUANTIZE if there is nothing to convert, or the model was quantized
   *   before; ERR_OUT_OF_MEMORY, ERR_CLOSED. The module then stays as it was.
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
      if (report === undefined) throw fromNative(error);
      const { layers, kept, parameters, quantized, bytesBefore, bytesAfter } = report;
      return {
        convertedLayers: layers,
        unchangedLayers: kept,
        parameters,
        convertedParameters: quantized,
        bytesBefore,
        bytesAfter,
      };
    });
    this.#quantizing = done.catch(() => undefined);
    return done;
  }

  /**
   * Writes the module as a TorchScript archive that any libtorch can load. The file appears under its name when it is complete.
   * It contains the extra files of the original archive and those of `extraFiles`, which replace extra files of the same name.
   * @throws TypeError if `extraFiles` is not an object
   * @throws EmotionError ERR_FILE_WRITE, ERR_OUT_OF_MEMORY, ERR_CLOSED
   */
  async save(file: string, { extraFiles = {} }: SaveOptions = {}): Promise<void> {
    if (typeof extraFiles !== 'object' || extraFiles === null || Array.isArray(extraFiles)) {
      throw new TypeError(`extraFiles must be an object of texts by name; received ${kindOf(extraFiles)}`);
    }
    try {
      this.#open();
      while (this.#quantizing !== undefined) await this.#quantizing;
      await writeWhole(path.resolve(file), (part) => this.#native!.save(part, extraFiles));
    } catch (error) {
      throw fromNative(error, ({ what }) => `${shown(file)} could not be written: ${what}`);
    }
  }

  /**
   * Releases the module. Its memory is freed once no other TorchModule shares it. Calls that were made before still finish; later
   * ones reject with ERR_CLOSED.
   */
  dispose(): void {
    this.#disposed = true;
    if (this.#quantizing === undefined) this.#release();
  }

  /** Calls `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #run(native: NativeModule, method: string, inputs: readonly TorchInput[], options: CallOptions): Promise<RunResult> {
    const { keep, signal } = options;
    const ticket: Ticket = {};
    const running = native.call(method, inputs, this.threads, keep, ticket).then((output) => {
      return { output, waitMs: ticket.waitMs ?? 0, runMs: ticket.runMs ?? 0 };
    });
    if (signal === undefined) return running;
    return new Promise((resolve, reject) => {
      const unfollow = onAbort(signal, () => {
        this.#binding.cancel(ticket.id!);
        reject(signal.reason as Error);
      });
      running.then(
        (result) => (unfollow(), resolve(result)),
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
    throw new TypeError(`The inputs contain a value that no method accepts: ${messageOf(cause)}`, { cause });
  }
}

/** Converts an error of the addon to an EmotionError whose cause has the whole message. TypeErrors are returned unchanged. */
function fromNative(error: unknown, describe: (problem: Problem) => string = ({ what }) => what): unknown {
  if (!(error instanceof Error) || error instanceof TypeError || error instanceof EmotionError) return error;
  const problem = explainNative(error);
  return EmotionError.from({ ...problem, what: describe(problem) }, error);
}
