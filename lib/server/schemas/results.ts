/** Results as they are sent over HTTP and kept on the disk. */
import { decoderSchema, granularitySchema } from '../../options/schemas.js';
import * as z from '../../vendor/zod.js';
import { CLIP_ID } from '../clip-id.js';

const time = z.string().meta({ format: 'date-time' });
const scores = z.record(z.string(), z.number()).describe('Probability of each label. The probabilities add up to 1.');

export const resultId = z
  .string()
  .regex(CLIP_ID, { error: 'expected the id of a result' })
  .describe('Id of a result. Ids sort by time.');

const links = z.object({
  self: z.string(),
  embedding: z.string().optional(),
  processedAudio: z.string().optional(),
});

/** The library's result, and the fields that the server adds to it. */
export const clipResult = z
  .object({
    id: resultId.nullable().describe('Id of the result. Null if the server does not keep results.'),
    file: z.string().describe('Name of the recording.'),
    createdAt: time,
    batch: resultId.optional().describe('Id of the batch that the recording belongs to.'),
    emotion: z.string().describe('The label with the highest score.'),
    confidence: z.number().describe('Score of that label.'),
    scores,
    granularity: granularitySchema,
    duration: z.number().describe('Duration of the recording in seconds.'),
    frames: z
      .array(z.object({ start: z.number(), end: z.number(), emotion: z.string(), scores }))
      .optional()
      .describe('The timeline: the scores of each window.'),
    segments: z
      .array(z.object({ start: z.number(), end: z.number(), emotion: z.string(), confidence: z.number() }))
      .optional()
      .describe('Consecutive windows with the same emotion, merged.'),
    embedding: z
      .array(z.number())
      .optional()
      .describe('Embedding of the recording. The embeddings of frames are in embedding.npy only.'),
    embeddingShape: z.array(z.number().int()).optional().describe('Shape of the array in embedding.npy.'),
    windows: z
      .object({ length: z.number(), hop: z.number(), count: z.number().int() })
      .optional()
      .describe('The windows that a long recording was split into. `length` and `hop` are seconds.'),
    model: z.object({ name: z.string(), precision: z.string(), device: z.string() }),
    timing: z.object({
      decodeMs: z.number(),
      decoder: decoderSchema.exclude(['auto']),
      queueMs: z.number(),
      inferenceMs: z.number(),
    }),
    links: links.optional(),
  })
  .meta({ id: 'ClipResult' });
export type ClipResult = z.output<typeof clipResult>;

/** The same result in the output folder, where other programs may have changed it. */
export const storedResult = clipResult.refine(({ createdAt }) => !Number.isNaN(Date.parse(createdAt)), {
  path: ['createdAt'],
  error: 'expected a date and time',
});

const error = z.object({ code: z.string().describe('Stable code, meant for programs.'), message: z.string() });

export const errorResult = z
  .object({ error, requestId: z.string().describe('Id of the request in the log of the server.') })
  .meta({ id: 'Error' });

/** A result in a list. */
export const resultSummary = z
  .object({
    id: resultId,
    file: z.string(),
    createdAt: time,
    batch: resultId.optional(),
    emotion: z.string(),
    confidence: z.number(),
    duration: z.number(),
    granularity: granularitySchema,
    hasEmbedding: z.boolean(),
  })
  .meta({ id: 'ResultSummary' });
export type ResultSummary = z.output<typeof resultSummary>;

export const resultList = z.object({
  results: z.array(resultSummary).describe('Newest first.'),
  next: resultId.nullable().describe('Value of `before` for the next page. Null on the last page.'),
});

export const peaks = z.object({
  duration: z.number(),
  peaks: z.array(z.number()).describe('Largest magnitude, 0 to 1, in each of `count` equal parts of the audio.'),
});

/** A clip of a batch that has no result. */
export const batchFailure = z.object({ file: z.string(), error });

/** The clips of a batch: the results that were kept, and the failures. */
export const batchList = z.object({
  createdAt: time,
  clips: z.array(z.union([z.object({ file: z.string(), id: resultId }), batchFailure])),
});
export type BatchList = z.output<typeof batchList>;

export const batchSummary = z
  .object({
    id: resultId.nullable().describe('Id of the batch. Null if the server does not keep results.'),
    done: z.number().int().describe('Number of recordings that have a result.'),
    failed: z.number().int().describe('Number of recordings that failed.'),
    links: z.object({ csv: z.string(), ndjson: z.string(), zip: z.string() }).optional(),
  })
  .meta({ id: 'BatchSummary' });
export type BatchSummary = z.output<typeof batchSummary>;

export const batchResult = batchSummary
  .extend({ results: z.array(z.union([clipResult, batchFailure])).describe('In the order of the files.') })
  .meta({ id: 'BatchResult' });
