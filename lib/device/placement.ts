import { debuglog } from 'node:util';

import type { Libtorch } from '../libtorch/locate.js';
import { type CudaDriver, loaderBinding, nativeBinding, openCuda, requireLibtorch } from '../native/binding.js';
import type { Device, ResolvedDevice } from '../options/types.js';
import { formatBytes } from '../shared/bytes.js';
import { EmotionError, hasCode, isOutOfMemory, messageOf } from '../shared/errors.js';
import { type DeviceEvent, events } from '../shared/events.js';
import { cudaProblem, type DeviceProblem } from './cuda.js';

/** A model that needs a device. */
export interface PlacementRequest {
  device: Device;
  /** Path of the archive, for the event. */
  file: string;
  /** Estimated number of bytes that the weights and the runs take on a CUDA device. */
  bytes: number;
  /** Maximum number of bytes that the caller allows. */
  budgetBytes: number | undefined;
}

/** The device of a model. */
export interface Placement {
  device: ResolvedDevice;
  /** Whether the model may load on the CPU instead: `auto` chose CUDA. */
  mayFallBack: boolean;
}

/** Memory of a CUDA device that is needed beyond weights and runs: CUDA's context, workspaces of its libraries, fragmentation. */
export const CUDA_MARGIN = 768 * 2 ** 20;

const ON_CPU: Placement = { device: 'cpu', mayFallBack: false };
const FREE_MEMORY = 'Free memory of the device, or use a smaller precision.';

const log = debuglog('emotion2vec-node');

/**
 * Chooses the device of a model, and opens libtorch's CUDA library if it is needed. `auto` means the first CUDA device that
 * works and has room, and otherwise the CPU, which is reported (`reportFallback`). The driver is queried once.
 * @throws EmotionError ERR_DEVICE_UNAVAILABLE if a CUDA device was requested and cannot be used; ERR_LIBTORCH_MISSING,
 *   ERR_ADDON_MISSING, ERR_PLATFORM
 */
export async function place(request: PlacementRequest): Promise<Placement> {
  if (request.device === 'cpu') return ON_CPU;
  if (request.device !== 'auto') return { device: await requireCuda(request.device), mayFallBack: false };
  if (!requireLibtorch().cuda) {
    // The driver only decides what is reported. Its answer is not awaited, because it may take a second for each sleeping device.
    void openBest(request).then(
      (problem) => typeof problem === 'object' && reportFallback(request.file, problem),
      () => undefined, // the addon is missing, which loading reports
    );
    return ON_CPU;
  }
  const found = await openBest(request);
  if (typeof found === 'string') return { device: found, mayFallBack: true };
  reportFallback(request.file, found);
  return ON_CPU;
}

/**
 * Loads a model on the device that `place` chose, or on the CPU if that device runs out of memory and the model may fall back.
 */
export async function withFallback<T>(
  file: string,
  { device, mayFallBack }: Placement,
  load: (device: ResolvedDevice) => Promise<T>,
): Promise<T> {
  if (!mayFallBack) return load(device);
  try {
    return await load(device);
  } catch (error) {
    if (!isOutOfMemory(error)) throw error;
    reportFallback(file, outOfMemory(device, error));
    return load('cpu');
  }
}

/** Returns why a model is moved to the CPU: the memory of its device ran out. */
export function outOfMemory(device: ResolvedDevice, error: unknown): DeviceProblem {
  const what = `Memory ran out on ${device} (${error instanceof EmotionError ? error.what : messageOf(error)})`;
  return { code: 'ERR_OUT_OF_MEMORY', what, remedy: FREE_MEMORY, hardware: true };
}

/**
 * Reports that `auto` means the CPU: always by an event, and by a process warning if there is hardware that the user
 * might expect to be used.
 */
export function reportFallback(file: string, { what, remedy, hardware }: DeviceProblem): void {
  const event: DeviceEvent = { file, device: 'cpu', reason: what, remedy, hardware };
  events.device.publish(event);
  log('%s runs on the CPU: %s. %s', file, what, remedy);
  if (hardware) {
    process.emitWarning(`The model runs on the CPU: ${what}. ${remedy}`, { code: 'EMOTION2VEC_CPU' });
  }
}

async function requireCuda(device: Device): Promise<ResolvedDevice> {
  const index = Number(device.split(':')[1] ?? 0);
  const problem = cudaProblem(await loaderBinding().cudaDriver(), requireLibtorch(), index);
  if (problem !== undefined) throw unavailable(device, problem.what, problem.remedy);
  await open(index);
  return `cuda:${index}`;
}

function unavailable(device: string, what: string, remedy: string): EmotionError {
  return new EmotionError('ERR_DEVICE_UNAVAILABLE', `Device ${device} is not available. ${what}`, { remedy });
}

/** Opens libtorch's CUDA library. It may find fewer devices than the driver announced. */
async function open(index: number): Promise<void> {
  const binding = await nativeBinding();
  await openCuda();
  const devices = binding.initializeCuda();
  if (index >= devices) {
    throw unavailable(`cuda:${index}`, `libtorch finds ${devices} devices`, 'Check the output of `nvidia-smi`.');
  }
}

/** Opens the device that `auto` selects and returns it, or the reason why `auto` selects the CPU. */
async function openBest(request: PlacementRequest): Promise<ResolvedDevice | DeviceProblem> {
  const chosen = chooseDevice(await loaderBinding().cudaDriver(), requireLibtorch(), request);
  if (typeof chosen !== 'number') return chosen;
  try {
    await open(chosen);
    return `cuda:${chosen}`;
  } catch (error) {
    if (!hasCode(error, 'ERR_DEVICE_UNAVAILABLE')) throw error;
    return { code: error.code, what: error.what, remedy: error.remedy, hardware: true };
  }
}

/** Returns the index of the first device that works and has room, or the problem of the first device if there is none. */
export function chooseDevice(
  driver: CudaDriver,
  libtorch: Pick<Libtorch, 'root' | 'cuda' | 'cudaVersion'>,
  request: Pick<PlacementRequest, 'bytes' | 'budgetBytes'>,
): number | DeviceProblem {
  const problems: DeviceProblem[] = [];
  for (let index = 0; index < Math.max(1, driver.devices.length); index++) {
    const problem = cudaProblem(driver, libtorch, index) ?? roomProblem(driver, index, request);
    if (problem === undefined) return index;
    problems.push(problem);
  }
  return problems[0]!;
}

function roomProblem(
  driver: CudaDriver,
  index: number,
  { bytes, budgetBytes }: Pick<PlacementRequest, 'bytes' | 'budgetBytes'>,
): DeviceProblem | undefined {
  const { name, bytesFree, bytesTotal } = driver.devices[index]!;
  const problem = { code: 'ERR_OUT_OF_MEMORY', hardware: true } as const;
  if (budgetBytes !== undefined && bytes > budgetBytes) {
    const what = `On ${name} the model needs about ${formatBytes(bytes)}, more than memoryBudgetBytes allows (${formatBytes(budgetBytes)})`;
    return { ...problem, what, remedy: 'Raise the budget, or use a smaller precision.' };
  }
  const free = bytesFree ?? bytesTotal;
  if (bytes + CUDA_MARGIN <= free) return undefined;
  const what = `${name} has ${formatBytes(free)} free, and the model needs about ${formatBytes(bytes + CUDA_MARGIN)}`;
  return { ...problem, what, remedy: FREE_MEMORY };
}
