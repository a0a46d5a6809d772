import type { Libtorch } from '../libtorch/locate.js';
import type { CudaDriver } from '../native/binding.js';
import type { Problem } from '../shared/errors.js';

/** Why a device is not used. */
export interface DeviceProblem extends Problem {
  remedy: string;
  /** Whether the machine has a GPU, or at least its driver, so that a user expects it to be used. */
  hardware: boolean;
}

/** Minimum compute capability, times ten, that the CUDA kernels of libtorch are compiled for. */
export const MIN_CAPABILITY = 75;

/** Remedies for the results of cuInit (CUresult) that a user can resolve. */
const ADVICE: Readonly<Record<number, string>> = {
  802: 'Start the NVIDIA fabric manager, or wait until it runs: machines with NVSwitch need it.',
  803: 'Restart the machine (or the container): the driver was updated while an older one was loaded.',
  804: 'Remove the CUDA compatibility package from the library path: it does not fit this device.',
  999: 'Check `nvidia-smi`; after a suspend, `sudo rmmod nvidia_uvm && sudo modprobe nvidia_uvm` often helps.',
};

/**
 * Returns why CUDA device `index` cannot be used with this libtorch; undefined if no reason is known. Of several reasons it
 * returns the one that a user would have to fix first.
 */
export function cudaProblem(
  driver: CudaDriver,
  libtorch: Pick<Libtorch, 'root' | 'cuda' | 'cudaVersion'>,
  index: number,
  env: Record<string, string | undefined> = process.env,
): DeviceProblem | undefined {
  if (driver.state === 'missing') {
    return problem(
      `This system has no NVIDIA driver (${driver.error})`,
      "Install it, or pass the device through to the container (docker run --gpus all), or use device 'cpu' or 'auto'.",
      false,
    );
  }
  // A driver runs programs that were built for any minor version of its CUDA.
  const needed = 1000 * Number(libtorch.cudaVersion?.split('.')[0] ?? 0);
  if (driver.version < needed) {
    const release = driver.release === '' ? '' : ` ${driver.release}`;
    return problem(
      `The NVIDIA driver${release} supports CUDA ${cudaText(driver.version)}, and this libtorch needs ${libtorch.cudaVersion}`,
      "Update the driver. Until then, use device 'cpu'.",
    );
  }
  if (driver.state === 'failed') {
    return problem(
      `The NVIDIA driver does not start: ${driver.error}`,
      ADVICE[driver.errorCode] ?? 'Check the output of `nvidia-smi`.',
    );
  }
  const { devices } = driver;
  if (devices.length === 0) {
    const hidden = env.CUDA_VISIBLE_DEVICES;
    return problem(
      `The NVIDIA driver finds no device${hidden === undefined ? '' : ` (CUDA_VISIBLE_DEVICES is "${hidden}")`}`,
      "Check the output of `nvidia-smi`, or use device 'cpu' or 'auto'.",
      hidden !== undefined && hidden !== '' && hidden !== '-1',
    );
  }
  const device = devices[index];
  if (device === undefined) {
    const known = devices.map(({ name }, i) => `cuda:${i} (${name})`).join(', ');
    const count = devices.length === 1 ? 'one device' : `${devices.length} devices`;
    return problem(`The NVIDIA driver has ${count}: ${known}`, 'Choose one of them.');
  }
  if (device.capability < MIN_CAPABILITY) {
    const has = (device.capability / 10).toFixed(1);
    const minimum = (MIN_CAPABILITY / 10).toFixed(1);
    return problem(
      `${device.name} has compute capability ${has}, and this libtorch needs ${minimum} or newer`,
      "Use device 'cpu'.",
    );
  }
  if (!libtorch.cuda) {
    return problem(
      `The libtorch in ${libtorch.root} was built without CUDA, and this machine has ${device.name}`,
      'Run `npx emotion2vec setup --cuda` to install one with CUDA.',
    );
  }
  return undefined;
}

function problem(what: string, remedy: string, hardware = true): DeviceProblem {
  return { code: 'ERR_DEVICE_UNAVAILABLE', what, remedy, hardware };
}

/** Returns a version of CUDA as text: 13000 is `13.0`. */
export function cudaText(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}
