/** Speech emotion recognition in Node. Requiring this module touches neither libtorch nor the addon. */
export type { AudioBlob, AudioBytes, AudioInput, AudioSamples, AudioUrl, AudioWebStream, Pcm } from './audio/pcm.js';
export { EmotionError, type ErrorCode } from './shared/errors.js';
export { type BuiltInModel, builtInModels } from './model/manifest.js';
export type { DeviceEvent, LoadEvent, RunEvent, UnloadEvent } from './shared/events.js';
export type { DeviceMemory } from './native/binding.js';
export type {
  CloseOptions,
  Device,
  Granularity,
  Precision,
  ResolvedDevice,
  ResolvedPrecision,
  RecognizeManyOptions,
  RecognizeOptions,
  RecognizerOptions,
  RecognizeStreamOptions,
} from './options/types.js';
export { EmotionRecognizer, type ManyResult, type StreamResult } from './recognition/recognizer.js';
export type {
  LoadedModelStatus,
  LoadingModelStatus,
  MemoryUsage,
  ModelStatus,
  RecognizerStatus,
  UnloadedModelStatus,
} from './recognition/status.js';
export type { Progress } from './options/types.js';
export type { FrameResult, RecognitionResult, Segment, Timing } from './recognition/result.js';
export type { Distribution, RequestStatistics } from './scheduler/metrics.js';
export type { AudioChunk } from './recognition/stream.js';
export type { WindowSummary } from './recognition/windows.js';
