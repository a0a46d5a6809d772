/**
 * `emotion2vec-node/torch`: a general TorchScript runtime for Node. Loading and inference happen on native threads; the event
 * loop only copies inputs in and results out.
 *
 * @module torch
 */
export type { DeviceMemory } from './native/binding.js';
export type {
  Device,
  Precision,
  QuantizeOptions,
  ResolvedDevice,
  ResolvedPrecision,
  RuntimeOptions,
  TorchOptions,
} from './options/types.js';
export { EmotionError, type ErrorCode } from './shared/errors.js';
export type { AnyTensor, Dtype, Tensor, TensorArrays, TorchInput } from './torch/tensor.js';
export { TorchModule } from './torch/torch-module.js';
export type { CallOptions, QuantizeReport, RunResult, SaveOptions } from './torch/types.js';
