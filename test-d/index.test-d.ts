import { Readable } from 'node:stream';

import { expectAssignable, expectError, expectNotAssignable, expectType } from 'tsd';

import {
  type AudioChunk,
  type AudioInput,
  type BuiltInModel,
  builtInModels,
  type DeviceMemory,
  type Distribution,
  EmotionError,
  EmotionRecognizer,
  type ErrorCode,
  type FrameResult,
  type LoadEvent,
  type ManyResult,
  type ModelSummary,
  type Pcm,
  type Progress,
  type RecognitionResult,
  type RecognizeOptions,
  type RecognizerOptions,
  type RecognizerStatus,
  type RequestStatistics,
  type ResolvedDevice,
  type ResolvedPrecision,
  type Segment,
  type StreamResult,
  type WindowSummary,
} from 'emotion2vec-node';

// The constructor and its options
expectType<EmotionRecognizer>(new EmotionRecognizer());
expectAssignable<RecognizerOptions>({ model: 'small-en-de', device: 'cuda:1', precision: 'int8', threads: 2 });
expectAssignable<RecognizerOptions>({ maxQueue: undefined, memoryBudgetBytes: 2 ** 30 });
expectNotAssignable<RecognizerOptions>({ device: 'gpu' });
expectNotAssignable<RecognizerOptions>({ precision: 'int4' });
expectNotAssignable<RecognizerOptions>({ decoder: 'sox' });
expectError(new EmotionRecognizer({ modle: 'small-en-de' }));

const recognizer = new EmotionRecognizer();
expectAssignable<AsyncDisposable>(recognizer);

// Inputs
expectAssignable<AudioInput>('call.wav');
expectAssignable<AudioInput>(new URL('file:///call.wav'));
expectAssignable<AudioInput>(Buffer.alloc(0));
expectAssignable<AudioInput>(new ArrayBuffer(0));
expectAssignable<AudioInput>(new Blob([]));
expectAssignable<AudioInput>(Readable.from([]));
expectAssignable<AudioInput>(new ReadableStream<Uint8Array>());
expectAssignable<AudioInput>({ samples: new Int16Array(), sampleRate: 8000 });
expectNotAssignable<AudioInput>({ samples: [0, 0.1], sampleRate: 8000 });
expectNotAssignable<AudioInput>(7);
expectNotAssignable<AudioInput>(new Float32Array());

// recognize
export async function recognize(): Promise<void> {
  const result = await recognizer.recognize('call.wav', { granularity: 'frame', embedding: true });
  expectType<RecognitionResult>(result);
  expectType<string>(result.emotion);
  expectType<number>(result.confidence);
  expectType<Record<string, number>>(result.scores);
  expectType<'utterance' | 'frame'>(result.granularity);
  expectType<number>(result.duration);
  expectType<FrameResult[] | undefined>(result.frames);
  expectType<Segment[] | undefined>(result.segments);
  expectType<Float32Array | undefined>(result.embedding);
  expectType<number[] | undefined>(result.embeddingShape);
  expectType<Float32Array | undefined>(result.logits);
  expectType<Pcm | undefined>(result.processedAudio);
  expectType<WindowSummary | undefined>(result.windows);
  expectType<ModelSummary>(result.model);
  expectType<ResolvedDevice>(result.model.device);
  expectType<ResolvedPrecision>(result.model.precision);
  expectType<'builtin' | 'ffmpeg'>(result.timing.decoder);
  expectType<number>(result.timing.queueMs + result.timing.decodeMs + result.timing.inferenceMs);

  expectAssignable<RecognizeOptions>({
    window: 30,
    timeline: { hop: 0.25 },
    raw: { encoding: 'mulaw', sampleRate: 8000 },
  });
  expectAssignable<RecognizeOptions>({
    signal: AbortSignal.timeout(1000),
    whenFull: 'wait',
    priority: -5,
    window: 'off',
  });
  expectNotAssignable<RecognizeOptions>({ granularity: 'word' });
  expectNotAssignable<RecognizeOptions>({ window: 'on' });
  expectNotAssignable<RecognizeOptions>({ raw: { encoding: 'opus', sampleRate: 8000 } });
  expectNotAssignable<RecognizeOptions>({ raw: { encoding: 'mulaw' } });

  await recognizer.recognize('call.wav', {
    onProgress(progress) {
      expectType<Progress>(progress);
      if (progress.stage === 'loading') expectType<number>(progress.fraction);
      if (progress.stage === 'queued') expectType<number>(progress.ahead);
      if (progress.stage === 'running') expectType<number>(progress.done + progress.total);
      if (progress.stage === 'decoding') expectError(progress.fraction);
    },
  });
}

// recognizeMany: the type of the inputs is kept, and either a result or an error is there
export async function recognizeMany(): Promise<void> {
  const files: string[] = ['a.wav', 'b.wav'];
  for await (const outcome of recognizer.recognizeMany(files, { ordered: false })) {
    expectType<ManyResult<string>>(outcome);
    expectType<string>(outcome.input);
    if (outcome.result) expectType<RecognitionResult>(outcome.result);
    else expectType<unknown>(outcome.error);
  }
  for await (const { input } of recognizer.recognizeMany([Buffer.alloc(1)])) expectAssignable<Buffer>(input);
  expectError(recognizer.recognizeMany(['a.wav'], { transfer: true }));
  expectError(recognizer.recognizeMany([7]));
}

// recognizeStream
export async function recognizeStream(): Promise<void> {
  expectAssignable<AudioChunk>(new Int16Array());
  expectAssignable<AudioChunk>(Buffer.alloc(2));
  expectNotAssignable<AudioChunk>('text');
  for await (const window of recognizer.recognizeStream([new Float32Array(16_000)], { sampleRate: 16_000 })) {
    expectType<StreamResult>(window);
    expectType<number>(window.start + window.end + window.skipped);
  }
  expectError(recognizer.recognizeStream([new Float32Array(1)]));
  expectError(recognizer.recognizeStream([new Float32Array(1)], { window: 3 }));
}

// status: `state` decides which fields the model has
const status = recognizer.status();
expectType<RecognizerStatus>(status);
expectType<'unloaded' | 'loading' | 'loaded'>(status.model.state);
expectError(status.model.device);
if (status.model.state === 'loading') expectType<number>(status.model.fraction);
if (status.model.state === 'loaded') {
  expectType<ResolvedDevice>(status.model.device);
  expectType<ResolvedPrecision>(status.model.precision);
  expectType<number>(status.model.threads + status.model.parallel);
}
expectType<RequestStatistics>(status.requests);
expectType<Distribution>(status.requests.queueMs);
expectType<number>(status.memory.rssBytes + status.memory.modelBytes + status.memory.audioBytes);
expectType<DeviceMemory | undefined>(status.memory.device);

// The other methods
expectType<Promise<void>>(recognizer.warmUp());
expectType<Promise<void>>(recognizer.unload());
expectType<Promise<void>>(recognizer.close({ drain: true }));
expectError(recognizer.close({ drian: true }));
expectType<BuiltInModel[]>(builtInModels());

// Errors
const error = new EmotionError('ERR_CLOSED', 'The recognizer was closed');
expectType<ErrorCode>(error.code);
expectType<string>(error.what);
expectType<string>(error.remedy);
expectAssignable<ErrorCode>('ERR_QUEUE_FULL');
expectNotAssignable<ErrorCode>('ERR_UNKNOWN');
expectError(new EmotionError('ERR_UNKNOWN', 'unknown'));

// Events
declare const load: LoadEvent;
expectType<number>(load.loadMs);
expectType<ResolvedDevice>(load.device);
expectAssignable<ResolvedDevice>('cuda:0');
expectNotAssignable<ResolvedDevice>('auto');
expectNotAssignable<ResolvedPrecision>('auto');
