/**
 * Speech emotion recognition in Node: the class `EmotionRecognizer`, its options and its results. Requiring this module loads
 * neither libtorch nor the addon; the first request does.
 *
 * @module emotion2vec-node
 */
export { EmotionRecognizer } from './recognition/recognizer.js';
export type {
  FrameResult,
  ManyResult,
  ModelSummary,
  RecognitionResult,
  Segment,
  StreamResult,
  Timing,
} from './recognition/result.js';
export type {
  CloseOptions,
  Decoder,
  Device,
  Granularity,
  Precision,
  Progress,
  RawAudioFormat,
  RawEncoding,
  RecognizeManyOptions,
  RecognizeOptions,
  RecognizerOptions,
  RecognizeStreamOptions,
  ResolvedDevice,
  ResolvedPrecision,
  RuntimeOptions,
} from './options/types.js';
export type { AudioBlob, AudioBytes, AudioInput, AudioSamples, AudioUrl, AudioWebStream, Pcm } from './audio/pcm.js';
export type { AudioChunk } from './recognition/stream.js';
export { EmotionError, type ErrorCode } from './shared/errors.js';
export type {
  LoadedModelStatus,
  LoadingModelStatus,
  MemoryUsage,
  ModelStatus,
  RecognizerStatus,
  UnloadedModelStatus,
} from './recognition/status.js';
export type { Distribution, RequestStatistics } from './scheduler/metrics.js';
export type { WindowSummary } from './recognition/windows.js';
export { type BuiltInModel, builtInModels } from './model/manifest.js';
export type { DeviceEvent, LoadEvent, RunEvent, UnloadEvent } from './shared/events.js';
export type { DeviceMemory } from './native/binding.js';
