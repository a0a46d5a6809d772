/** What goes in and out over HTTP: the only source of validation and of the OpenAPI document. */
import * as z from '../vendor/zod.js';

import { limits } from '../options/limits.js';
import { ID } from './clip-id.js';

const granularity = z.enum(['utterance', 'frame']).describe('`frame` adds a timeline and its change points');
const embedding = z.stringbool().describe('`true` keeps the feature vectors, as embedding.npy');
const windowing = z
  .union([z.enum(['auto', 'off']), z.coerce.number().min(limits.window.min).max(limits.window.max)])
  .describe('long audio: the longest stretch in seconds that is heard at once, `auto` or `off`');
const seconds = (what: string) =>
  z.coerce.number().min(limits.timeline.min).max(limits.timeline.max).optional().describe(what);
const timeline = {
  timeline_window: seconds('seconds that a window of the timeline lasts'),
  timeline_hop: seconds('seconds from one window of the timeline to the next'),
};

/** What can be asked of a clip, as a query. */
export const clipQuery = z.strictObject({
  granularity: granularity.default('utterance'),
  embedding: embedding.default(false),
  window: windowing.default('auto'),
  ...timeline,
});
export type ClipOptions = z.output<typeof clipQuery>;

export const recognizeQuery = clipQuery.extend({
  name: z.string().min(1).max(255).optional().describe("what the clip is called, where the body is the file's bytes"),
});

/** The same as fields of a form; they go before the query. */
export const clipFields = z.strictObject({
  granularity: granularity.optional(),
  embedding: embedding.optional(),
  window: windowing.optional(),
  ...timeline,
});

/** What is asked of a clip: fields go before the query. */
export function clipOptions(query: ClipOptions, fields: z.output<typeof clipFields>): ClipOptions {
  return { ...query, ...(fields as Partial<ClipOptions>) }; // zod leaves out what was not there
}

const binary = z.string().meta({ format: 'binary' });
/** The answer of a route that sends a file. */
export function fileAnswer(...types: string[]) {
  return { description: 'The file', content: Object.fromEntries(types.map((type) => [type, { schema: binary }])) };
}

export const recognizeForm = clipFields.extend({ file: binary.describe('the recording') });
export const batchForm = clipFields.extend({
  file: z.array(binary).describe('the recordings, a part each; fields count for those that come after them'),
});

const time = z.string().meta({ format: 'date-time' });
const scores = z.record(z.string(), z.number()).describe('a probability for each label; they add up to 1');

export const resultId = z.string().regex(ID).describe('of a result; ids sort by time');

const links = z.object({
  self: z.string(),
  embedding: z.string().optional(),
  processedAudio: z.string().optional(),
});

/** A result as the library gives it, with what the server adds. */
export const clipResult = z
  .object({
    id: resultId.nullable().describe('null where results are not kept'),
    file: z.string(),
    createdAt: time,
    batch: resultId.optional(),
    emotion: z.string(),
    confidence: z.number(),
    scores,
    granularity: z.enum(['utterance', 'frame']),
    duration: z.number(),
    frames: z
      .array(z.object({ start: z.number(), end: z.number(), emotion: z.string(), scores }))
      .optional()
      .describe('the timeline'),
    segments: z
      .array(z.object({ start: z.number(), end: z.number(), emotion: z.string(), confidence: z.number() }))
      .optional()
      .describe('stretches in which one emotion wins'),
    embedding: z.array(z.number()).optional().describe("the clip's feature vector; frames' are in embedding.npy alone"),
    embeddingShape: z.array(z.number().int()).optional(),
    windows: z
      .object({ length: z.number(), hop: z.number(), count: z.number().int() })
      .optional()
      .describe('where the clip was so long that it was heard in windows'),
    model: z.object({ name: z.string(), precision: z.string(), device: z.string() }),
    timing: z.object({
      decodeMs: z.number(),
      decoder: z.enum(['builtin', 'ffmpeg']),
      queueMs: z.number(),
      inferenceMs: z.number(),
    }),
    links: links.optional(),
  })
  .meta({ id: 'ClipResult' });
export type ClipResult = z.output<typeof clipResult>;

/** As it lies in the output folder, where others may have written. */
export const storedResult = clipResult.refine(({ createdAt }) => !Number.isNaN(Date.parse(createdAt)), {
  path: ['createdAt'],
  message: 'it is no time',
});

export const errorResult = z
  .object({ error: z.object({ code: z.string(), message: z.string() }), requestId: z.string() })
  .meta({ id: 'Error' });

/** What is listed of a result. */
export const resultSummary = z
  .object({
    id: resultId,
    file: z.string(),
    createdAt: time,
    batch: resultId.optional(),
    emotion: z.string(),
    confidence: z.number(),
    duration: z.number(),
    granularity: z.enum(['utterance', 'frame']),
    hasEmbedding: z.boolean(),
  })
  .meta({ id: 'ResultSummary' });
export type ResultSummary = z.output<typeof resultSummary>;

export const resultList = z.object({
  results: z.array(resultSummary).describe('newest first'),
  next: resultId.nullable().describe('give it as `before` for more; null at the end'),
});

export const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  before: resultId.optional().describe('older ones than this'),
});

export const peaksQuery = z.object({ count: z.coerce.number().int().min(1).max(4000).default(1000) });
export const peaks = z.object({
  duration: z.number(),
  peaks: z.array(z.number()).describe('the largest magnitude of each of `count` equal stretches, 0 to 1'),
});

export const idParams = z.object({ id: resultId });

/** A clip of a batch that gave no result. */
export const batchFailure = z.object({
  file: z.string(),
  error: z.object({ code: z.string(), message: z.string() }),
});

/** Which clips a batch had: results that were kept, and those that there are none of. */
export const batchList = z.object({
  createdAt: time,
  clips: z.array(z.union([z.object({ file: z.string(), id: resultId }), batchFailure])),
});
export type BatchList = z.output<typeof batchList>;

export const batchSummary = z
  .object({
    id: resultId.nullable().describe('null where results are not kept'),
    done: z.number().int(),
    failed: z.number().int(),
    links: z.object({ csv: z.string(), ndjson: z.string(), zip: z.string() }).optional(),
  })
  .meta({ id: 'BatchSummary' });
export type BatchSummary = z.output<typeof batchSummary>;

export const batchResult = batchSummary
  .extend({ results: z.array(z.union([clipResult, batchFailure])).describe('in the order of the files') })
  .meta({ id: 'BatchResult' });

export const batchParams = z.object({ id: resultId, format: z.enum(['csv', 'ndjson', 'zip']) });

const label = z.object({
  name: z.string(),
  en: z.string(),
  zh: z.string(),
  unused: z.boolean().describe('the model does not know it: it has no score'),
});

export const serverStatus = z
  .object({
    version: z.string(),
    ready: z.boolean(),
    model: z.object({
      name: z.string(),
      state: z.enum(['unloaded', 'loading', 'loaded']),
      fraction: z.number().optional().describe('of the archive that has been read, while it loads'),
      precision: z.string().optional().describe('once it is loaded'),
      device: z.string().optional().describe('once it is loaded'),
      threads: z.number().int().optional(),
      labels: z.array(label),
      bytes: z.number().int().describe("the archive's size"),
    }),
    memory: z.object({ rssBytes: z.number().int(), audioBytes: z.number().int() }),
    calls: z.object({ queued: z.number().int(), running: z.number().int(), done: z.number().int() }),
    limits: z.object({
      uploadBytes: z.number().int(),
      duration: z.number(),
      files: z.number().int().describe('of a batch'),
    }),
    results: z.object({
      kept: z.boolean(),
      seconds: z.number().nullable().describe('after which they go; null: never'),
      bytes: z.number().int().nullable().describe('of all of them, beyond which the oldest go; null: no limit'),
    }),
  })
  .meta({ id: 'Status' });
export type ServerStatus = z.output<typeof serverStatus>;

/** https://github.com/kserve/open-inference-protocol, REST. */
const tensorData: z.ZodType<unknown[]> = z.array(z.unknown());
export const inferTensor = z.object({
  name: z.string(),
  shape: z.array(z.number().int().min(0)).min(1).max(8),
  datatype: z.string(),
  parameters: z.record(z.string(), z.unknown()).optional(),
  data: tensorData.optional().describe('row-major, flat or nested; absent where the tensor is binary'),
});
export type InferTensor = z.output<typeof inferTensor>;

export const inferRequest = z
  .object({
    id: z.string().max(255).optional(),
    parameters: z
      .looseObject({
        sample_rate: z.number().int().min(limits.sampleRate.min).max(limits.sampleRate.max).optional(),
        binary_data_output: z.boolean().optional(),
      })
      .optional(),
    inputs: z.array(inferTensor).min(1).max(2),
    outputs: z
      .array(
        z.object({ name: z.string(), parameters: z.looseObject({ binary_data: z.boolean().optional() }).optional() }),
      )
      .optional(),
  })
  .meta({ id: 'InferRequest' });
export type InferRequest = z.output<typeof inferRequest>;

export const inferResponse = z
  .object({
    model_name: z.string(),
    model_version: z.string().optional(),
    id: z.string().optional(),
    outputs: z.array(inferTensor),
  })
  .meta({ id: 'InferResponse' });

export const modelParams = z.object({ name: z.string().max(255) });

export const inferError = z.object({ error: z.string() }).meta({ id: 'InferError' });
