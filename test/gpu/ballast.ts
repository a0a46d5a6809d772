/** Takes the memory of the device, so that none is left for others. */
import { TorchModule } from '../../lib/torch.js';
import { fixture } from '../support/paths.js';
import { DEVICE } from './gpu.js';

const MB = 2 ** 20;
/** Size of the blocks that can be released again. libtorch's allocator requests each block of 10 MB or more from the device separately. */
const BLOCK = 16 * MB;
const COARSE = 256 * MB;
/** Bytes of the device that are taken in blocks of 16 MB. */
const FINE_SHARE = 2048 * MB;
/** Sizes of the blocks that fill the gaps between the others. */
const DUST = [4 * MB, MB, MB / 4, MB / 16];

/** Compares the code, because the benchmark's errors are of the class of another copy of the library. */
const isOutOfMemory = (error: unknown): boolean => (error as { code?: string }).code === 'ERR_OUT_OF_MEMORY';

export class Ballast implements Disposable {
  readonly #module: TorchModule;
  /** Numbers of blocks, which the module holds in this order: coarse, fine, dust. */
  #coarse = 0;
  #fine = 0;

  private constructor(module: TorchModule) {
    this.#module = module;
  }

  /** Takes all memory that is free. */
  static async fill(): Promise<Ballast> {
    const ballast = new Ballast(await TorchModule.load(fixture('models/device.pt'), { device: DEVICE }));
    await ballast.#fill();
    return ballast;
  }

  get memory(): ReturnType<TorchModule['deviceMemory']> {
    return this.#module.deviceMemory();
  }

  /** Releases blocks of 16 MB. */
  async release(blocks = 1): Promise<void> {
    if (blocks > this.#fine) throw new Error(`The ballast has only ${this.#fine} blocks of 16 MB`);
    await this.#module.call('drop', [this.#coarse, blocks]);
    this.#fine -= blocks;
  }

  /** Releases as much memory as `work` needs, and one block more. Returns the result of `work`. */
  async releaseFor<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const value = await work();
        await this.release();
        return value;
      } catch (error) {
        if (!isOutOfMemory(error)) throw error;
        await this.release();
      }
    }
  }

  [Symbol.dispose](): void {
    this.#module.dispose();
  }

  async #fill(): Promise<void> {
    const { freeBytes } = this.memory;
    for (let left = freeBytes - FINE_SHARE; left >= COARSE; left -= COARSE) {
      if (!(await this.#hold(COARSE))) break;
      this.#coarse++;
    }
    while (await this.#hold(BLOCK)) this.#fine++;
    for (const size of DUST) while (await this.#hold(size));
  }

  async #hold(bytes: number): Promise<boolean> {
    try {
      await this.#module.call('hold', [bytes]);
      return true;
    } catch (error) {
      if (isOutOfMemory(error)) return false;
      throw error;
    }
  }
}
