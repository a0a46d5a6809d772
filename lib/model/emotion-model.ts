import type { Pcm } from '../audio/pcm.js';
import { place } from '../device/placement.js';
import { type DeviceMemory, nativeBinding } from '../native/binding.js';
import type { ResolvedDevice, ResolvedPrecision, TorchOptions } from '../options/types.js';
import { EmotionError } from '../shared/errors.js';
import { largest } from '../shared/largest.js';
import type { Tensor } from '../torch/tensor.js';
import { loadAt, type TorchModule } from '../torch/torch-module.js';
import { CONTRACT_REMEDY, type ModelCard } from './card.js';
import type { EmotionArchive } from './emotion-archive.js';
import { checkBudget, leastNeeds } from './memory-needs.js';

/** The output of the model for one clip: T frames, and the L labels and D dimensions that its card states. */
export interface ModelOutput {
  /** [L] */
  logits: Float32Array;
  /** [T, L] in row-major order, if requested. */
  frameLogits: Float32Array | undefined;
  /** [T, D] in row-major order, if requested. */
  features: Float32Array | undefined;
  /** T */
  frames: number;
}

/** The outputs of a run that are requested in addition to the logits. The others are not copied. */
export interface RequestedOutputs {
  frameLogits: boolean;
  features: boolean;
}

/**
 * Models whose archives are smaller than this run in one thread, several runs at once. Measured with the built-in model: a second
 * thread makes a run of 1 to 3 s a fifth shorter, but a second run in parallel doubles the throughput.
 */
const SMALL_ARCHIVE = 32 * 2 ** 20;

/** A loaded model that follows the contract (ARCHITECTURE.md, "Model archives"). */
export class EmotionModel {
  readonly card: ModelCard;
  /** Absolute path of the archive. */
  readonly file: string;
  /** Size of the archive. */
  readonly bytes: number;
  /** Number of runs that the processors can take at once. */
  readonly parallel: number;
  readonly #module: TorchModule;

  private constructor(module: TorchModule, { card, file, bytes }: EmotionArchive, parallel: number) {
    this.#module = module;
    this.card = card;
    this.file = file;
    this.bytes = bytes;
    this.parallel = parallel;
  }

  /**
   * Loads the model of an open archive.
   * @throws EmotionError as TorchModule.load; ERR_OUT_OF_MEMORY for a model that cannot fit into `memoryBudgetBytes`
   */
  static async load(archive: EmotionArchive, options: TorchOptions): Promise<EmotionModel> {
    const { device = 'auto', precision = 'auto', memoryBudgetBytes: budgetBytes } = options;
    const { total } = leastNeeds(archive, precision, 'cuda');
    const placement = await place({ device, file: archive.file, bytes: total, budgetBytes });
    const module = await loadAt(archive, placement, {
      ...options,
      threads: options.threads ?? (archive.bytes < SMALL_ARCHIVE ? 1 : undefined),
      checkFit: (placed) =>
        checkBudget(archive.file, archive, { precision, device: placed === 'cpu' ? 'cpu' : 'cuda', budgetBytes }),
    });
    const { usableCpus } = await nativeBinding();
    const parallel = module.device === 'cpu' ? Math.max(1, Math.floor(usableCpus / module.threads)) : 1;
    return new EmotionModel(module, archive, parallel);
  }

  get device(): ResolvedDevice {
    return this.#module.device;
  }

  /** Returns the memory of its CUDA device; zeros on the CPU. */
  deviceMemory(): DeviceMemory {
    return this.#module.deviceMemory();
  }

  get precision(): ResolvedPrecision {
    return this.#module.precision;
  }

  get threads(): number {
    return this.#module.threads;
  }

  /**
   * Whether the output for a clip is identical to the bit in any batch. oneDNN in bf16, and cuBLAS in every precision, sum in an
   * order that depends on the number of rows.
   */
  get batchesExactly(): boolean {
    const exact = this.precision === 'fp32' || this.precision === 'int8';
    return this.card.exactBatches && exact && this.device === 'cpu';
  }

  /**
   * Runs the model on a batch of clips.
   * @param clips at the sample rate of the card, each of at least minSamples samples
   * @param signal cancels the run if it has not begun
   * @returns the outputs in the order of the clips, and the milliseconds of the run
   * @throws EmotionError ERR_MODEL_RUN, ERR_OUT_OF_MEMORY, ERR_CLOSED; ERR_MODEL_LOAD if the archive violates the contract; the
   *   reason of the signal
   */
  async run(
    clips: readonly Pcm[],
    requested: RequestedOutputs,
    signal?: AbortSignal,
  ): Promise<{ outputs: ModelOutput[]; runMs: number }> {
    const keep = [0, 3, ...(requested.frameLogits ? [1] : []), ...(requested.features ? [2] : [])];
    const lengths = BigInt64Array.from(clips, ({ samples }) => BigInt(samples.length));
    const { output, runMs } = await this.#module.run(
      'forward',
      [padded(clips), { dtype: 'int64', shape: [clips.length], data: lengths }],
      { keep, ...(signal && { signal }) },
    );
    return { outputs: this.#read(output, clips.length, requested), runMs };
  }

  /** Checks what forward() returned: an archive may contain a card and still violate the contract. */
  #read(output: unknown, clips: number, requested: RequestedOutputs): ModelOutput[] {
    const [logits, frameLogits, features, lengths] = Array.isArray(output) ? (output as unknown[]) : [];
    const { labels, embeddingDim, name } = this.card;
    if (!isTensor(lengths, 'int64', [clips])) throw this.#broken('frame_lengths is not int64[B]');
    const frames = Array.from(lengths.data, Number);
    const longest = largest(frames);
    if (!isTensor(logits, 'float32', [clips, labels.length])) {
      throw this.#broken(`logits is not float32[B, ${labels.length}]`);
    }
    if (!logits.data.every(Number.isFinite))
      throw new EmotionError('ERR_MODEL_RUN', `${name} returned scores that are not finite`);
    if (requested.frameLogits && !isTensor(frameLogits, 'float32', [clips, longest, labels.length])) {
      throw this.#broken(`frame_logits is not float32[B, T, ${labels.length}]`);
    }
    if (requested.features && !isTensor(features, 'float32', [clips, longest, embeddingDim])) {
      throw this.#broken(`features is not float32[B, T, ${embeddingDim}]`);
    }
    const rows = (tensor: unknown, clip: number, width: number): Float32Array => {
      const { data } = tensor as Tensor<'float32'>;
      const start = clip * longest * width;
      // A copy in batches, because a view would keep the rows of all clips alive.
      return clips === 1 ? data : data.slice(start, start + frames[clip]! * width);
    };
    return frames.map((count, clip) => ({
      logits: logits.data.slice(clip * labels.length, (clip + 1) * labels.length),
      frameLogits: requested.frameLogits ? rows(frameLogits, clip, labels.length) : undefined,
      features: requested.features ? rows(features, clip, embeddingDim) : undefined,
      frames: count,
    }));
  }

  #broken(what: string): EmotionError {
    return new EmotionError('ERR_MODEL_LOAD', `The model ${this.card.name} does not follow the contract: ${what}`, {
      remedy: CONTRACT_REMEDY,
    });
  }

  dispose(): void {
    this.#module.dispose();
  }
}

/** Returns the clips as a tensor [B, N], each padded with zeros to the length of the longest. */
function padded(clips: readonly Pcm[]): Tensor<'float32'> {
  const size = largest(clips.map(({ samples }) => samples.length));
  if (clips.length === 1) return { dtype: 'float32', shape: [1, size], data: clips[0]!.samples };
  const data = new Float32Array(clips.length * size);
  clips.forEach(({ samples }, i) => data.set(samples, i * size));
  return { dtype: 'float32', shape: [clips.length, size], data };
}

function isTensor<D extends 'float32' | 'int64'>(value: unknown, dtype: D, shape: number[]): value is Tensor<D> {
  const tensor = value as Tensor | null | undefined;
  return (
    tensor?.dtype === dtype &&
    tensor.shape.length === shape.length &&
    shape.every((size, i) => size === tensor.shape[i])
  );
}
