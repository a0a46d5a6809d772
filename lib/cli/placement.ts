import type { Device, Precision, RecognizerOptions } from '../options.js';

/** What commands take that run a model: where and how. */
export interface PlacementFlags {
  device: Device;
  precision: Precision;
  threads?: number;
  /** Bytes. */
  memoryBudget?: number;
}

/** The recognizer's options that they are. */
export function placementOptions({ device, precision, threads, memoryBudget }: PlacementFlags): RecognizerOptions {
  return { device, precision, threads, memoryBudgetBytes: memoryBudget };
}
