/** The device that these tests use, and a `describe` that is skipped where there is none. */
import { EmotionError, messageOf } from '../../lib/shared/errors.js';
import { type DeviceMemory, loaderBinding, nativeBinding } from '../../lib/native/binding.js';
import { TorchModule } from '../../lib/torch.js';
import { fixture } from '../support/paths.js';

export interface Gpu {
  name: string;
  /** Whether it is test/fake-cuda, which is slow and computes with the CPU's kernels. */
  fake: boolean;
}

export const DEVICE = 'cuda:0';

let found: Promise<Gpu | string> | undefined;

/** Returns the first device, or the reason why there is none. */
export function findGpu(): Promise<Gpu | string> {
  found ??= tryGpu();
  return found;
}

async function tryGpu(): Promise<Gpu | string> {
  try {
    (await TorchModule.load(fixture('models/device.pt'), { device: 'cuda' })).dispose();
  } catch (error) {
    if (error instanceof EmotionError && error.code === 'ERR_DEVICE_UNAVAILABLE') return messageOf(error);
    throw error;
  }
  const { name } = (await loaderBinding().cudaDriver()).devices[0]!;
  return { name, fake: name === 'NVIDIA Fake GPU' };
}

/** Defines a suite that needs a device. With `fake: false` it needs a real one. */
export function describeGpu(title: string, define: () => void, { fake = true } = {}): void {
  describe(title, () => {
    before(async function () {
      const found = await findGpu();
      if (typeof found === 'string') skip(this, found);
      else if (found.fake && !fake) skip(this, 'the fake device needs minutes for it; FULL=1 runs it');
    });
    define();
  });
}

function skip(context: Mocha.Context, why: string): void {
  console.log(`      skipped: ${why}`);
  context.skip();
}

export async function deviceMemory(): Promise<DeviceMemory> {
  return (await nativeBinding()).deviceMemory(DEVICE);
}

/**
 * Returns the memory once nothing has changed for half a second, after ten seconds at most: a separate thread frees disposed
 * modules.
 */
export async function settledMemory(): Promise<DeviceMemory> {
  let last = await deviceMemory();
  for (let [round, same] = [0, 0]; round < 200 && same < 10; round++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = await deviceMemory();
    same = now.allocatedBytes === last.allocatedBytes ? same + 1 : 0;
    last = now;
  }
  return last;
}
