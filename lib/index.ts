/** Speech emotion recognition in Node. Requiring this module touches neither libtorch nor the addon. */
export type { AudioBlob, AudioBytes, AudioInput, AudioSamples, AudioUrl, AudioWebStream, Pcm } from './audio/pcm.js';
export { EmotionError, type ErrorCode } from './errors.js';
export { type BuiltInModel, builtInModels } from './model/manifest.js';
export type { DeviceEvent, LoadEvent, RunEvent, UnloadEvent } from './events.js';
export type { DeviceMemory } from './native/binding.js';
export type {
  CloseOptions,
  Device,
  Granularity,
  Precision,
  RecognizeManyOptions,
  RecognizeOptions,
  RecognizerOptions,
  RecognizeStreamOptions,
} from './options.js';
export {
  EmotionRecognizer,
  type ManyResult,
  type MemoryReport,
  type ModelStatus,
  type StreamResult,
} from './recognizer.js';
export type { Progress } from './progress.js';
export type { FrameResult, RecognitionResult, Segment, Timing } from './result.js';
export type { Distribution, SchedulerStats } from './scheduler/metrics.js';
export type { PcmChunk } from './stream.js';
export type { Windowing } from './windows.js';
