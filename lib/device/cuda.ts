import type { Libtorch } from '../libtorch/locate.js';
import type { CudaDriver } from '../native/binding.js';

/** Why a device is not used. */
export interface DeviceProblem {
  /** What is wrong, a sentence without a full stop. */
  what: string;
  remedy: string;
  /** Whether there is a device, or at least its driver: then somebody will wonder why it is not used. */
  hardware: boolean;
}

/** Of what libtorch's CUDA kernels are compiled for: 7.5 and newer. */
export const LEAST_CAPABILITY = 75;

/** CUresult of cuInit that mean something to a person. */
const ADVICE: Readonly<Record<number, string>> = {
  802: 'Wait for the fabric manager: NVSwitch machines need it running.',
  803: 'Restart the machine (or the container): the driver was updated while an older one was loaded.',
  804: 'Remove the CUDA compatibility package from the library path: it does not fit this device.',
  999: 'Check `nvidia-smi`; after a suspend, `sudo rmmod nvidia_uvm && sudo modprobe nvidia_uvm` often helps.',
};

/**
 * Why CUDA device `index` cannot be used with this libtorch; undefined where nothing is known against it. Told in the order in
 * which one would mend it.
 */
export function cudaProblem(
  driver: CudaDriver,
  libtorch: Pick<Libtorch, 'root' | 'cuda' | 'cudaVersion'>,
  index: number,
  env: Record<string, string | undefined> = process.env,
): DeviceProblem | undefined {
  if (driver.state === 'missing') {
    return {
      what: `There is no NVIDIA driver here (${driver.error})`,
      remedy:
        "Install it, or, in a container, pass the device through (docker run --gpus all); else use device 'cpu' or 'auto'.",
      hardware: false,
    };
  }
  // A driver runs what was made for any minor version of its CUDA.
  const needed = 1000 * Number(libtorch.cudaVersion?.split('.')[0] ?? 0);
  if (driver.version < needed) {
    const release = driver.release === '' ? '' : ` ${driver.release}`;
    return {
      what: `The NVIDIA driver${release} supports CUDA ${cudaText(driver.version)}, and this libtorch needs ${libtorch.cudaVersion}`,
      remedy: "Update the driver; until then use device 'cpu'.",
      hardware: true,
    };
  }
  if (driver.state === 'failed') {
    return {
      what: `The NVIDIA driver does not start: ${driver.error}`,
      remedy: ADVICE[driver.errorCode] ?? 'Check `nvidia-smi`.',
      hardware: true,
    };
  }
  const { devices } = driver;
  if (devices.length === 0) {
    const hidden = env.CUDA_VISIBLE_DEVICES;
    return {
      what: `The NVIDIA driver finds no device${hidden === undefined ? '' : ` (CUDA_VISIBLE_DEVICES is "${hidden}")`}`,
      remedy: "Check `nvidia-smi`; else use device 'cpu' or 'auto'.",
      hardware: hidden !== undefined && hidden !== '' && hidden !== '-1',
    };
  }
  const device = devices[index];
  if (device === undefined) {
    const known = devices.map(({ name }, i) => `cuda:${i} (${name})`).join(', ');
    const what = `The NVIDIA driver has ${devices.length === 1 ? 'one device' : `${devices.length} devices`}: ${known}`;
    return { what, remedy: 'Choose one of them.', hardware: true };
  }
  if (device.capability < LEAST_CAPABILITY) {
    const has = (device.capability / 10).toFixed(1);
    return {
      what: `${device.name} has compute capability ${has}, and this libtorch needs ${(LEAST_CAPABILITY / 10).toFixed(1)} or newer`,
      remedy: "Use device 'cpu'.",
      hardware: true,
    };
  }
  if (!libtorch.cuda) {
    return {
      what: `The libtorch in ${libtorch.root} is without CUDA, and ${device.name} is there`,
      remedy: 'Run `npx emotion2vec setup --cuda` for one that has it.',
      hardware: true,
    };
  }
  return undefined;
}

/** 13000 -> 13.0 */
export function cudaText(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}
