import { statSync } from 'node:fs';

import { EmotionError } from '../shared/errors.js';
import type { Pcm } from '../audio/pcm.js';
import { loadPlaced } from '../device/placement.js';
import { largest } from '../shared/largest.js';
import { nativeBinding } from '../native/binding.js';
import type { ResolvedDevice, ResolvedPrecision, TorchOptions } from '../options/types.js';
import { type DeviceMemory, type LoadWatch, type RunTiming, type Tensor, TorchModule } from '../torch/torch-module.js';
import { CONTRACT_REMEDY, type ModelCard } from './card.js';
import { readCard } from './card-file.js';
import { checkBudget, leastNeeds } from './memory-needs.js';

/** What the model says of one clip. T frames, L labels, D dimensions, as its card tells. */
export interface ModelOutput {
  /** [L] */
  logits: Float32Array;
  /** [T, L] row-major, when asked for. */
  frameLogits: Float32Array | undefined;
  /** [T, D] row-major, when asked for. */
  features: Float32Array | undefined;
  frames: number;
}

/** The outputs that are requested of a run in addition to the logits. */
export interface RequestedOutputs {
  frameLogits: boolean;
  features: boolean;
}

/**
 * Archives smaller than this run in one thread, several at once. Measured with the built-in one: a second thread takes a fifth
 * off a run of 1 to 3 s, a second run beside the first doubles what is done.
 */
const SMALL_ARCHIVE = 32 * 2 ** 20;

/** An archive that follows the contract (ARCHITECTURE.md, "Model archives"), loaded. */
export class EmotionModel {
  readonly card: ModelCard;
  readonly file: string;
  /** Runs that the processors take at once. */
  readonly parallel: number;
  readonly #module: TorchModule;

  private constructor(module: TorchModule, card: ModelCard, file: string, parallel: number) {
    this.#module = module;
    this.card = card;
    this.file = file;
    this.parallel = parallel;
  }

  /**
   * @throws EmotionError as TorchModule.load; ERR_MODEL_LOAD for an archive without the contract; ERR_OUT_OF_MEMORY for one that
   *   cannot fit into `memoryBudgetBytes`
   */
  static async load(
    file: string,
    { device = 'auto', precision = 'auto', threads, memoryBudgetBytes: budgetBytes }: TorchOptions,
    watch?: LoadWatch,
  ): Promise<EmotionModel> {
    const card = await requireCard(file);
    const { size: bytes } = statSync(file);
    const archive = { card, bytes };
    const { total } = leastNeeds(archive, precision, 'cuda');
    return loadPlaced({ device, file, bytes: total, budgetBytes }, async (placed) => {
      const onCpu = placed === 'cpu';
      checkBudget(file, archive, { precision, device: onCpu ? 'cpu' : 'cuda', budgetBytes });
      const options = {
        device: placed,
        precision,
        threads: threads ?? (bytes < SMALL_ARCHIVE ? 1 : undefined),
        memoryBudgetBytes: budgetBytes,
      };
      const module = await TorchModule.load(file, options, watch);
      const { usableCpus } = await nativeBinding();
      const parallel = onCpu ? Math.max(1, Math.floor(usableCpus / module.threads)) : 1;
      return new EmotionModel(module, card, file, parallel);
    });
  }

  get device(): ResolvedDevice {
    return this.#module.device as ResolvedDevice;
  }

  /** Of its CUDA device; zeros on the CPU. */
  deviceMemory(): DeviceMemory {
    return this.#module.deviceMemory();
  }

  get precision(): ResolvedPrecision {
    return this.#module.precision;
  }

  get threads(): number {
    return this.#module.threads;
  }

  /** Whether a clip's answer is the same to the bit in any batch. In bf16 oneDNN, and always cuBLAS, sums in an order that depends on the rows. */
  get batchesExactly(): boolean {
    const exact = this.precision === 'fp32' || this.precision === 'int8';
    return this.card.exactBatches && exact && this.device === 'cpu';
  }

  /**
   * @param clips at the card's sample rate, at least minSamples long
   * @param signal drops the run where it has not begun
   * @returns what was said of each clip, in order, and the milliseconds of the run
   * @throws EmotionError ERR_MODEL_RUN, ERR_OUT_OF_MEMORY, ERR_CLOSED; the signal's reason
   */
  async run(
    clips: readonly Pcm[],
    want: RequestedOutputs,
    signal?: AbortSignal,
  ): Promise<{ outputs: ModelOutput[]; runMs: number }> {
    const keep = [0, 3, ...(want.frameLogits ? [1] : []), ...(want.features ? [2] : [])];
    const lengths = BigInt64Array.from(clips, ({ samples }) => BigInt(samples.length));
    const timing: RunTiming = {};
    const output = await this.#module.forward(
      [padded(clips), { dtype: 'int64', shape: [clips.length], data: lengths }],
      { keep, timing, ...(signal && { signal }) },
    );
    return { outputs: this.#read(output, clips.length, want), runMs: timing.runMs! };
  }

  /** Checks what came back: an archive may carry a card and still break its promise. */
  #read(output: unknown, clips: number, want: RequestedOutputs): ModelOutput[] {
    const [logits, frameLogits, features, lengths] = Array.isArray(output) ? (output as unknown[]) : [];
    const { labels, embeddingDim, name } = this.card;
    if (!isTensor(lengths, 'int64', [clips])) throw this.#broken('frame_lengths is not int64[B]');
    const frames = Array.from(lengths.data, Number);
    const longest = largest(frames);
    if (!isTensor(logits, 'float32', [clips, labels.length])) {
      throw this.#broken(`logits is not float32[B, ${labels.length}]`);
    }
    if (!logits.data.every(Number.isFinite))
      throw new EmotionError('ERR_MODEL_RUN', `${name} gave scores that are not finite`);
    if (want.frameLogits && !isTensor(frameLogits, 'float32', [clips, longest, labels.length])) {
      throw this.#broken(`frame_logits is not float32[B, T, ${labels.length}]`);
    }
    if (want.features && !isTensor(features, 'float32', [clips, longest, embeddingDim])) {
      throw this.#broken(`features is not float32[B, T, ${embeddingDim}]`);
    }
    const rows = (tensor: unknown, clip: number, width: number): Float32Array => {
      const { data } = tensor as Tensor<'float32'>;
      const start = clip * longest * width;
      // A copy, where there are neighbours: a view would keep all of them alive.
      return clips === 1 ? data : data.slice(start, start + frames[clip]! * width);
    };
    return frames.map((count, clip) => ({
      logits: logits.data.slice(clip * labels.length, (clip + 1) * labels.length),
      frameLogits: want.frameLogits ? rows(frameLogits, clip, labels.length) : undefined,
      features: want.features ? rows(features, clip, embeddingDim) : undefined,
      frames: count,
    }));
  }

  #broken(what: string): EmotionError {
    return new EmotionError('ERR_MODEL_LOAD', `The model ${this.card.name} breaks the contract: ${what}`, {
      remedy: CONTRACT_REMEDY,
    });
  }

  dispose(): void {
    this.#module.dispose();
  }
}

/** @throws EmotionError */
async function requireCard(file: string): Promise<ModelCard> {
  try {
    return await readCard(file);
  } catch (error) {
    (await TorchModule.load(file, { device: 'cpu' })).dispose(); // libtorch tells better what is wrong with what is no archive
    throw error;
  }
}

/** [B, N]: each clip with zeros behind it up to the longest. */
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
