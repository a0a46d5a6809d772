/** Memory of the device that is taken, so that there is none for others. */
import { TorchModule } from '../../lib/torch.js';
import { fixture } from '../support/paths.js';
import { DEVICE } from './gpu.js';

const MB = 2 ** 20;
/** Of these there is plenty to give back. From 10 MB on libtorch's allocator asks the device for each block by itself. */
const BLOCK = 16 * MB;
const COARSE = 256 * MB;
/** Of the device, in blocks of the smaller kind. */
const FINE_SHARE = 2048 * MB;
/** What is left between the others. */
const DUST = [4 * MB, MB, MB / 4, MB / 16];

/** By its code: the benchmark's errors are of another copy of the library. */
const isOutOfMemory = (error: unknown): boolean => (error as { code?: string }).code === 'ERR_OUT_OF_MEMORY';

export class Ballast implements Disposable {
  readonly #module: TorchModule;
  /** In the order in which the module has them: coarse, fine, dust. */
  #coarse = 0;
  #fine = 0;

  private constructor(module: TorchModule) {
    this.#module = module;
  }

  /** All that is free. */
  static async fill(): Promise<Ballast> {
    const ballast = new Ballast(await TorchModule.load(fixture('models/device.pt'), { device: DEVICE }));
    await ballast.#fill();
    return ballast;
  }

  get memory(): ReturnType<TorchModule['deviceMemory']> {
    return this.#module.deviceMemory();
  }

  /** Gives blocks of 16 MB back. */
  async release(blocks = 1): Promise<void> {
    if (blocks > this.#fine) throw new Error(`The ballast has no more than ${this.#fine} blocks of 16 MB`);
    await this.#module.call('drop', [this.#coarse, blocks]);
    this.#fine -= blocks;
  }

  /** Gives back as much as `work` needs, and a block beyond; what it gave. */
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
