import path from 'node:path';

import { defaults, limits } from '../options/limits.js';
import { parseOptions } from '../options/parse.js';
import { durationSchema, millisecondsSchema, modelSchema, type Same } from '../options/schemas.js';
import type { EmotionRecognizer } from '../recognition/recognizer.js';
import type { RegisterOptions } from '../vendor/server.js';
import * as z from '../vendor/zod.js';
import type { ApiOptions, KeepLimits } from './api-options.js';

const { output, keepSeconds, keepBytes, maxUploadBytes, maxDuration, maxFiles, timeoutMs } = defaults.server;

const keepSchema = z.strictObject({
  seconds: z.number().positive().nullable().default(keepSeconds),
  bytes: z.number().positive().nullable().default(keepBytes),
});

const apiSchema = z.strictObject({
  recognizer: z.custom<EmotionRecognizer>(
    (given) => typeof (given as EmotionRecognizer | null)?.recognize === 'function',
    { params: { expected: 'an EmotionRecognizer' } },
  ),
  model: modelSchema.optional(),
  output: z.string().min(1).default(output),
  keep: z.union([keepSchema, z.literal(false)]).default({ seconds: keepSeconds, bytes: keepBytes }),
  maxUploadBytes: z.number().int().positive().default(maxUploadBytes),
  maxDuration: durationSchema.default(maxDuration),
  maxFiles: z.number().int().min(limits.files.min).max(limits.files.max).default(maxFiles),
  timeoutMs: millisecondsSchema.default(timeoutMs),
});
// The two types accept the same values; a recognizer is compared by itself, since it is a class.
true satisfies Same<Omit<z.input<typeof apiSchema>, 'keep'>, Omit<ApiOptions, 'keep'>>;

/** The options of the plugin, validated and with their defaults. */
export interface ApiSettings {
  output: string;
  /** Null if no results are kept. */
  keep: KeepLimits | null;
  limits: { uploadBytes: number; duration: number; files: number; timeoutMs: number };
}

/** @throws InvalidOptionsError */
export function apiSettings(given: ApiOptions & RegisterOptions): ApiSettings {
  const { prefix: _p, logLevel: _l, logSerializers: _s, ...options } = given;
  const parsed = parseOptions(apiSchema, options);
  return {
    output: path.resolve(parsed.output),
    keep: parsed.keep === false ? null : parsed.keep,
    limits: {
      uploadBytes: parsed.maxUploadBytes,
      duration: parsed.maxDuration,
      files: parsed.maxFiles,
      timeoutMs: parsed.timeoutMs,
    },
  };
}
