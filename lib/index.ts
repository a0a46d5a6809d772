/** Speech emotion recognition in Node. Requiring this module touches neither libtorch nor the addon. */
export type { AudioInput, Pcm } from './audio/pcm.js';
export { EmotionError, type ErrorCode } from './errors.js';
export { type BuiltInModel, builtInModels } from './model/manifest.js';
export type { Device, Granularity, Precision, RecognizeOptions, RecognizerOptions } from './options.js';
export { EmotionRecognizer, type ManyResult, type MemoryReport } from './recognizer.js';
export type { FrameResult, RecognitionResult, Segment } from './result.js';
export type { SchedulerStats } from './scheduler.js';
export type { Windowing } from './windows.js';
