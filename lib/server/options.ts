import type { RegisterOptions } from 'fastify';
import path from 'node:path';
import * as z from '../vendor/zod.js';

import { parseOptions } from '../options/parse.js';
import type { EmotionRecognizer } from '../recognition/recognizer.js';
import type { KeepLimits } from './retention.js';

const DAY = 86_400;

const keepSchema = z
  .object({
    seconds: z
      .number()
      .positive()
      .nullable()
      .default(7 * DAY),
    bytes: z
      .number()
      .positive()
      .nullable()
      .default(2 ** 30),
  })
  .strict();

const apiSchema = z
  .object({
    recognizer: z.custom<EmotionRecognizer>(
      (given) => typeof (given as EmotionRecognizer | null)?.recognize === 'function',
      {
        message: 'an EmotionRecognizer is needed',
      },
    ),
    model: z.string().min(1).optional(),
    output: z.string().min(1).default('outputs'),
    keep: z.union([keepSchema, z.literal(false)]).default({ seconds: 7 * DAY, bytes: 2 ** 30 }),
    maxUploadBytes: z
      .number()
      .int()
      .positive()
      .default(200 * 2 ** 20),
    maxDuration: z
      .number()
      .positive()
      .default(2 * 3600),
    maxFiles: z.number().int().min(1).max(10_000).default(500),
    timeoutMs: z
      .number()
      .int()
      .min(1)
      .max(2 ** 31 - 1)
      .default(10 * 60_000),
  })
  .strict();

/** Of the plugin. */
export interface ApiOptions {
  /** What hears. It is shared and stays open: who made it closes it. */
  recognizer: EmotionRecognizer;
  /** The model that the recognizer was made with: a built-in name, or a path. Default: the default model. */
  model?: string | undefined;
  /** Folder of the results and of uploads on their way. Default `outputs`. */
  output?: string | undefined;
  /** How long results are kept, and how many bytes of them. Default: 7 days, 1 GiB. `false`: none are. */
  keep?: Partial<KeepLimits> | false | undefined;
  /** Default 200 MiB. */
  maxUploadBytes?: number | undefined;
  /** Of decoded audio; beyond that decoding stops. Default: two hours. */
  maxDuration?: number | undefined;
  /** In a batch. Default 500. */
  maxFiles?: number | undefined;
  /** For a clip, from when it was uploaded; then 504. Default: ten minutes. */
  timeoutMs?: number | undefined;
}

/** The options of the plugin, checked and filled in. */
export interface ApiSettings {
  output: string;
  /** Null where nothing is kept. */
  keep: KeepLimits | null;
  limits: { uploadBytes: number; duration: number; files: number; timeoutMs: number };
}

/** @throws TypeError that names what is wrong */
export function apiSettings(given: ApiOptions & RegisterOptions): ApiSettings {
  const { prefix: _p, logLevel: _l, logSerializers: _s, ...options } = given;
  const parsed = parseOptions(apiSchema, options);
  const { output, keep, maxUploadBytes, maxDuration, maxFiles, timeoutMs } = parsed;
  return {
    output: path.resolve(output),
    keep: keep === false ? null : keep,
    limits: { uploadBytes: maxUploadBytes, duration: maxDuration, files: maxFiles, timeoutMs },
  };
}
