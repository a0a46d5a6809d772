/** Queries, forms and paths of requests. They validate requests, and the OpenAPI document is generated from them. */
import { granularitySchema, timelineSchema, windowSchema } from '../../options/schemas.js';
import * as z from '../../vendor/zod.js';
import { resultId } from './results.js';

/** Returns the schema of an option for a value that arrives as text. */
function fromText<S extends z.ZodType>(schema: S) {
  return z.preprocess((value) => (isNumber(value) ? Number(value) : value), schema);
}

function isNumber(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value));
}

const granularity = granularitySchema.describe('`frame` adds a timeline and its segments to the result.');
const embedding = z.stringbool().meta({ type: 'boolean' }).describe('Whether to keep the embedding, as embedding.npy.');
const windowing = fromText(windowSchema).describe(
  'Maximum length in seconds of the windows that long audio is split into. `auto`: 60. `off`: long audio is not split.',
);
const timeline = {
  timeline_window: fromText(timelineSchema).optional().describe('Length in seconds of a window of the timeline.'),
  timeline_hop: fromText(timelineSchema)
    .optional()
    .describe('Seconds between the starts of two consecutive windows of the timeline.'),
};

/** Options of a recognition, as a query. */
export const clipQuery = z.strictObject({
  granularity: granularity.default('utterance'),
  embedding: embedding.default(false),
  window: windowing.default('auto'),
  ...timeline,
});
export type ClipOptions = z.output<typeof clipQuery>;

export const recognizeQuery = clipQuery.extend({
  name: z.string().min(1).max(255).optional().describe('Name of the recording, if the body is the file itself.'),
});

/** The same options as fields of a form. */
export const clipFields = z.strictObject({
  granularity: granularity.optional(),
  embedding: embedding.optional(),
  window: windowing.optional(),
  ...timeline,
});

/** Merges the options of a request. Fields of the form take precedence over the query. */
export function clipOptions(query: ClipOptions, fields: z.output<typeof clipFields>): ClipOptions {
  return { ...query, ...(fields as Partial<ClipOptions>) }; // zod leaves out fields that were absent
}

const binary = z.string().meta({ format: 'binary' });

/** The response of a route that sends a file. */
export function fileResponse(...types: string[]) {
  return { description: 'The file', content: Object.fromEntries(types.map((type) => [type, { schema: binary }])) };
}

export const recognizeForm = clipFields.extend({ file: binary.describe('The recording.') });
export const batchForm = clipFields.extend({
  file: z
    .array(binary)
    .describe('The recordings, one part each. A field applies to the recordings that come after it in the form.'),
});

export const listQuery = z.object({
  limit: fromText(z.number().int().min(1).max(500)).default(50),
  before: resultId.optional().describe('Lists results that are older than this one.'),
});

export const peaksQuery = z.object({ count: fromText(z.number().int().min(1).max(4000)).default(1000) });

export const idParams = z.object({ id: resultId });

export const batchParams = z.object({ id: resultId, format: z.enum(['csv', 'ndjson', 'zip']) });
