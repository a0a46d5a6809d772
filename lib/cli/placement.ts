import type { Decoder, Device, Precision, RecognizerOptions } from '../options/types.js';

/** What commands take that run a model: where and how, and who decodes for it. */
export interface PlacementFlags {
  device: Device;
  precision: Precision;
  threads?: number;
  /** Bytes. */
  memoryBudget?: number;
  decoder: Decoder;
}

/** The recognizer's options that they are. */
export function placementOptions(flags: PlacementFlags): RecognizerOptions {
  const { device, precision, threads, memoryBudget, decoder } = flags;
  return { device, precision, threads, memoryBudgetBytes: memoryBudget, decoder };
}
