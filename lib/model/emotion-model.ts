import { EmotionError } from '../errors.js';
import type { Pcm } from '../audio/pcm.js';
import { nativeBinding } from '../native/binding.js';
import type { RecognizerOptions } from '../options.js';
import { type Tensor, TorchModule } from '../torch.js';
import { CARD_FILE, type ModelCard, parseCard } from './card.js';

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

/** An archive that follows the contract (ARCHITECTURE.md, "Model archives"), loaded. */
export class EmotionModel {
  readonly card: ModelCard;
  readonly #module: TorchModule;

  private constructor(module: TorchModule, card: ModelCard) {
    this.#module = module;
    this.card = card;
  }

  /** @throws EmotionError as TorchModule.load, and ERR_MODEL_LOAD for an archive without the contract */
  static async load(
    file: string,
    options: Pick<RecognizerOptions, 'device' | 'precision' | 'threads'>,
  ): Promise<EmotionModel> {
    const module = await TorchModule.load(file, options);
    try {
      const text = module.extraFile(CARD_FILE);
      if (text === null) {
        throw new EmotionError(
          'ERR_MODEL_LOAD',
          `${file} is TorchScript but not an emotion model: it holds no ${CARD_FILE}`,
        );
      }
      return new EmotionModel(module, parseCard(text, file));
    } catch (error) {
      module.dispose();
      throw error;
    }
  }

  get device(): string {
    return this.#module.device;
  }

  get precision(): string {
    return this.#module.precision;
  }

  /**
   * @param pcm a clip at the card's sample rate, at least minSamples long
   * @throws EmotionError ERR_MODEL_RUN, ERR_OUT_OF_MEMORY, ERR_CLOSED
   */
  async run(pcm: Pcm, want: { frameLogits: boolean; features: boolean }): Promise<ModelOutput> {
    const size = pcm.samples.length;
    const keep = [0, 3, ...(want.frameLogits ? [1] : []), ...(want.features ? [2] : [])];
    const output = await this.#module.forward(
      [
        { dtype: 'float32', shape: [1, size], data: pcm.samples },
        { dtype: 'int64', shape: [1], data: BigInt64Array.of(BigInt(size)) },
      ],
      { keep },
    );
    return this.#read(output, want);
  }

  /** Checks what came back: an archive may carry a card and still break its promise. */
  #read(output: unknown, want: { frameLogits: boolean; features: boolean }): ModelOutput {
    const [logits, frameLogits, features, lengths] = Array.isArray(output) ? (output as unknown[]) : [];
    const { labels, embeddingDim, name } = this.card;
    if (!isTensor(lengths, 'int64', [1])) throw this.#broken('frame_lengths is not int64[B]');
    const frames = Number(lengths.data[0]);
    if (!isTensor(logits, 'float32', [1, labels.length])) {
      throw this.#broken(`logits is not float32[B, ${labels.length}]`);
    }
    if (!logits.data.every(Number.isFinite))
      throw new EmotionError('ERR_MODEL_RUN', `${name} gave scores that are not finite`);
    if (want.frameLogits && !isTensor(frameLogits, 'float32', [1, frames, labels.length])) {
      throw this.#broken(`frame_logits is not float32[B, T, ${labels.length}]`);
    }
    if (want.features && !isTensor(features, 'float32', [1, frames, embeddingDim])) {
      throw this.#broken(`features is not float32[B, T, ${embeddingDim}]`);
    }
    return {
      logits: logits.data,
      frameLogits: want.frameLogits ? (frameLogits as Tensor<'float32'>).data : undefined,
      features: want.features ? (features as Tensor<'float32'>).data : undefined,
      frames,
    };
  }

  #broken(what: string): EmotionError {
    return new EmotionError('ERR_MODEL_LOAD', `The model ${this.card.name} breaks the contract: ${what}`);
  }

  dispose(): void {
    this.#module.dispose();
  }
}

/** `pcm` at `rate`, with the numbers of torchaudio's default resampler. */
export async function resample(pcm: Pcm, rate: number): Promise<Pcm> {
  if (pcm.sampleRate === rate) return pcm;
  const binding = await nativeBinding();
  return { samples: await binding.resample(pcm.samples, pcm.sampleRate, rate), sampleRate: rate };
}

function isTensor<D extends 'float32' | 'int64'>(value: unknown, dtype: D, shape: number[]): value is Tensor<D> {
  const tensor = value as Tensor | null | undefined;
  return (
    tensor?.dtype === dtype &&
    tensor.shape.length === shape.length &&
    shape.every((size, i) => size === tensor.shape[i])
  );
}
