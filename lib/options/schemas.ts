/** One zod schema for each kind of options. The server and the command line check their values with the same schemas. */
import * as z from '../vendor/zod.js';
import { defaults, limits, RAW_ENCODINGS } from './limits.js';
import type {
  CloseOptions,
  Device,
  Progress,
  QuantizeOptions,
  RawAudioFormat,
  RecognizeManyOptions,
  RecognizeOptions,
  RecognizerOptions,
  RecognizeStreamOptions,
  TorchOptions,
} from './types.js';

export const deviceSchema = z.custom<Device>(
  (given) => typeof given === 'string' && /^(auto|cpu|cuda(:\d{1,3})?)$/.test(given),
  { params: { expected: "'auto', 'cpu', 'cuda' or 'cuda:N'" } },
);
export const precisionSchema = z.enum(['auto', 'fp32', 'bf16', 'fp16', 'int8']);
export const decoderSchema = z.enum(['auto', 'builtin', 'ffmpeg']);
export const granularitySchema = z.enum(['utterance', 'frame']);

const between = ({ min, max }: { min: number; max: number }) => z.number().min(min).max(max);
export const millisecondsSchema = between(limits.timerMs).int();
export const sampleRateSchema = between(limits.sampleRate).int();
export const durationSchema = z.number().positive();
export const threadsSchema = between(limits.threads).int();
export const windowSchema = z.union([z.enum(['auto', 'off']), between(limits.window)]);
export const timelineSchema = between(limits.timeline);
export const modelSchema = z.string().min(1);

const runtime = {
  device: deviceSchema.default('auto'),
  precision: precisionSchema.default('auto'),
  threads: threadsSchema.optional(),
  memoryBudgetBytes: z.number().int().positive().optional(),
};

export const torchOptionsSchema = z.strictObject({
  ...runtime,
  onProgress: z
    .custom<(fraction: number) => void>((given) => typeof given === 'function', { params: { expected: 'a function' } })
    .optional(),
});

export const quantizeOptionsSchema = z.strictObject({ precision: z.enum(['int8', 'bf16']).default('int8') });

export const recognizerOptionsSchema = z.strictObject({
  ...runtime,
  model: modelSchema.optional(),
  maxQueue: z.number().int().min(1).default(defaults.maxQueue),
  maxBatch: z.number().int().min(1).max(1024).optional(),
  batchDelayMs: z.number().int().min(0).max(60_000).default(0),
  idleUnloadMs: millisecondsSchema.optional(),
  decoder: decoderSchema.default('auto'),
});

export const rawSchema = z.strictObject({
  encoding: z.enum(RAW_ENCODINGS),
  sampleRate: sampleRateSchema,
  channels: between(limits.channels).int().default(1),
});

const call = {
  embedding: z.boolean().default(false),
  logits: z.boolean().default(false),
  processedAudio: z.boolean().default(false),
  signal: z.instanceof(AbortSignal).optional(),
  timeoutMs: millisecondsSchema.optional(),
  priority: z.number().int().min(-1000).max(1000).default(0),
};

const name = z.string().min(1).optional();

const clip = {
  ...call,
  granularity: granularitySchema.default('utterance'),
  window: windowSchema.default('auto'),
  timeline: z
    .strictObject({
      window: timelineSchema.default(defaults.timeline.window),
      hop: timelineSchema.default(defaults.timeline.hop),
    })
    .default(defaults.timeline),
  maxDuration: durationSchema.optional(),
  maxBytes: z.number().int().min(1).default(defaults.maxBytes),
  raw: rawSchema.optional(),
  decoder: decoderSchema.optional(),
};

export const recognizeOptionsSchema = z.strictObject({
  ...clip,
  name,
  whenFull: z.enum(['reject', 'wait']).default('reject'),
  transfer: z.boolean().default(false),
  onProgress: z
    .custom<(progress: Progress) => void>((given) => typeof given === 'function', {
      params: { expected: 'a function' },
    })
    .optional(),
});

export const manyOptionsSchema = z.strictObject({ ...clip, ordered: z.boolean().default(true) });

export const streamOptionsSchema = z
  .strictObject({
    ...call,
    name,
    sampleRate: sampleRateSchema,
    window: between(limits.stream.window).default(3),
    hop: between(limits.stream.hop).default(1),
    encoding: z.enum(['s16le', 'f32le']).default('s16le'),
    whenBehind: z.enum(['wait', 'skip']).default('wait'),
  })
  .refine(({ hop, window }) => hop <= window, {
    path: ['hop'],
    error: 'must not exceed window, because the audio in between would be skipped',
  });

export const closeOptionsSchema = z.strictObject({ drain: z.boolean().default(false) });

/**
 * True if two types accept the same values and have the same fields, otherwise false. The fields are compared as if they were
 * required, because an object type with an additional optional field is assignable in both directions.
 */
export type Same<A, B> = MutuallyAssignable<A, B> extends true ? MutuallyAssignable<Required<A>, Required<B>> : false;
type MutuallyAssignable<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/** Compiles only if every documented type is the same as the input of its schema. */
type Documented = [
  Same<z.input<typeof torchOptionsSchema>, TorchOptions>,
  Same<z.input<typeof quantizeOptionsSchema>, QuantizeOptions>,
  Same<z.input<typeof recognizerOptionsSchema>, RecognizerOptions>,
  Same<z.input<typeof recognizeOptionsSchema>, RecognizeOptions>,
  Same<NonNullable<z.input<typeof recognizeOptionsSchema>['timeline']>, NonNullable<RecognizeOptions['timeline']>>,
  Same<z.input<typeof rawSchema>, RawAudioFormat>,
  Same<z.input<typeof manyOptionsSchema>, RecognizeManyOptions>,
  Same<z.input<typeof streamOptionsSchema>, RecognizeStreamOptions>,
  Same<z.input<typeof closeOptionsSchema>, CloseOptions>,
];
null as unknown as Documented satisfies readonly true[];
