/**
 * `emotion2vec-node/torch`: a general TorchScript runtime for Node. Loading and inference happen on native threads; the
 * event loop only copies inputs in and results out.
 */
export { EmotionError, type ErrorCode } from './shared/errors.js';
export type { DeviceMemory, LoadWatch, QuantizeReport } from './native/binding.js';
export type { Device, Precision, QuantizeOptions, TorchOptions } from './options/types.js';
export {
  type AnyTensor,
  type CallOptions,
  type Dtype,
  type RunTiming,
  type SaveOptions,
  type Tensor,
  type TensorArrays,
  type TorchInput,
  TorchModule,
} from './torch/torch-module.js';
