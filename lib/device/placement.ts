import { debuglog } from 'node:util';

import { formatBytes } from '../bytes.js';
import { EmotionError, isOutOfMemory, messageOf } from '../errors.js';
import { type DeviceEvent, events } from '../events.js';
import type { Libtorch } from '../libtorch/locate.js';
import { type CudaDriver, loaderBinding, nativeBinding, openCuda, requireLibtorch } from '../native/binding.js';
import { cudaProblem, type DeviceProblem } from './cuda.js';

/** A device with its index: what libtorch is told. */
export type PlacedDevice = 'cpu' | `cuda:${number}`;

/** What is to run, and where it may. */
export interface PlacementWish {
  /** `auto`, `cpu`, `cuda` or `cuda:N`. */
  device: string;
  /** For the event. */
  file: string;
  /** Of a CUDA device's memory: weights and what runs need. */
  bytes: number;
  budgetBytes: number | undefined;
}

/** Of a device's memory beyond weights and runs: CUDA's context, its libraries' workspaces, fragments. */
export const CUDA_MARGIN = 768 * 2 ** 20;

const log = debuglog('emotion2vec-node');

/**
 * Loads on the device that is wished for. `auto`: on the first CUDA device that works and has room, else, and where loading there
 * runs out of memory, on the CPU, which is told (`tellFallback`).
 * @throws EmotionError ERR_DEVICE_UNAVAILABLE where CUDA was asked for and cannot be had; what `load` throws
 */
export async function loadPlaced<T>(wish: PlacementWish, load: (device: PlacedDevice) => Promise<T>): Promise<T> {
  if (wish.device === 'cpu') return load('cpu');
  if (wish.device !== 'auto') return load(await requireCuda(wish.device));
  if (!requireLibtorch().cuda) {
    // Whatever the driver says, and it may say it later than the model is loaded: a second for each device that sleeps.
    void openBest(wish).then(
      (problem) => typeof problem === 'object' && tellFallback(wish.file, problem),
      () => undefined, // the addon is missing, which loading tells
    );
    return load('cpu');
  }
  const found = await openBest(wish);
  if (typeof found === 'string') {
    try {
      return await load(found);
    } catch (error) {
      if (!isOutOfMemory(error)) throw error;
      tellFallback(wish.file, outOfMemory(found, error));
    }
  } else {
    tellFallback(wish.file, found);
  }
  return load('cpu');
}

/** Why a model leaves a device that it ran out of memory on. */
export function outOfMemory(device: string, error: unknown): DeviceProblem {
  const what = `Memory ran out on ${device} (${error instanceof EmotionError ? error.what : messageOf(error)})`;
  return { what, remedy: 'Free memory of the device, or use a smaller precision.', hardware: true };
}

/** Tells that `auto` means the CPU: an event always; a warning where there is hardware that somebody may expect to be used. */
export function tellFallback(file: string, { what, remedy, hardware }: DeviceProblem): void {
  const event: DeviceEvent = { file, device: 'cpu', reason: what, remedy, hardware };
  events.device.publish(event);
  log('%s runs on the CPU: %s. %s', file, what, remedy);
  if (hardware) {
    process.emitWarning(`The model runs on the CPU: ${what}. ${remedy}`, { code: 'EMOTION2VEC_CPU' });
  }
}

async function requireCuda(device: string): Promise<PlacedDevice> {
  const index = Number(device.split(':')[1] ?? 0);
  const problem = cudaProblem(await loaderBinding().cudaDriver(), requireLibtorch(), index);
  if (problem !== undefined) throw unavailable(device, problem);
  await open(index);
  return `cuda:${index}`;
}

function unavailable(device: string, { what, remedy }: DeviceProblem): EmotionError {
  return new EmotionError('ERR_DEVICE_UNAVAILABLE', `Device ${device} is not available. ${what}`, { remedy });
}

/** Opens libtorch's CUDA part. What the driver promised it may still refuse. */
async function open(index: number): Promise<void> {
  const binding = await nativeBinding();
  await openCuda();
  const devices = binding.initializeCuda();
  if (index >= devices) {
    const what = `libtorch finds ${devices} devices`;
    throw unavailable(`cuda:${index}`, { what, remedy: 'Check `nvidia-smi`.', hardware: true });
  }
}

/** Opens the device that `auto` means; or what is against it. */
async function openBest(wish: PlacementWish): Promise<PlacedDevice | DeviceProblem> {
  const chosen = chooseDevice(await loaderBinding().cudaDriver(), requireLibtorch(), wish);
  if (typeof chosen !== 'number') return chosen;
  try {
    await open(chosen);
    return `cuda:${chosen}`;
  } catch (error) {
    if (!(error instanceof EmotionError && error.code === 'ERR_DEVICE_UNAVAILABLE')) throw error;
    return { what: error.what, remedy: error.remedy, hardware: true };
  }
}

/** The first device that works and has room, or what is wrong with the first one. */
export function chooseDevice(
  driver: CudaDriver,
  libtorch: Pick<Libtorch, 'root' | 'cuda' | 'cudaVersion'>,
  wish: Pick<PlacementWish, 'bytes' | 'budgetBytes'>,
): number | DeviceProblem {
  const problems: DeviceProblem[] = [];
  for (let index = 0; index < Math.max(1, driver.devices.length); index++) {
    const problem = cudaProblem(driver, libtorch, index) ?? roomProblem(driver, index, wish);
    if (problem === undefined) return index;
    problems.push(problem);
  }
  return problems[0]!;
}

function roomProblem(
  driver: CudaDriver,
  index: number,
  { bytes, budgetBytes }: Pick<PlacementWish, 'bytes' | 'budgetBytes'>,
): DeviceProblem | undefined {
  const { name, bytesFree, bytesTotal } = driver.devices[index]!;
  if (budgetBytes !== undefined && bytes > budgetBytes) {
    const what = `On ${name} the model needs about ${formatBytes(bytes)}, more than memoryBudgetBytes allows (${formatBytes(budgetBytes)})`;
    return { what, remedy: 'Raise the budget, or use a smaller precision.', hardware: true };
  }
  const free = bytesFree ?? bytesTotal;
  if (bytes + CUDA_MARGIN <= free) return undefined;
  const what = `${name} has ${formatBytes(free)} free, and the model needs about ${formatBytes(bytes + CUDA_MARGIN)}`;
  return { what, remedy: 'Free memory of the device, or use a smaller precision.', hardware: true };
}
