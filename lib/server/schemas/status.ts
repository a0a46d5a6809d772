/** The answer of `GET /api/status`. */
import * as z from '../../vendor/zod.js';

const label = z.object({
  name: z.string(),
  en: z.string(),
  zh: z.string(),
  unused: z.boolean().describe('True if the model was not trained on the label. The label then has no score.'),
});

export const serverStatus = z
  .object({
    version: z.string(),
    ready: z.boolean().describe('Whether the server accepts requests.'),
    model: z.object({
      name: z.string(),
      state: z.enum(['unloaded', 'loading', 'loaded']),
      fraction: z
        .number()
        .optional()
        .describe('While the model loads: the fraction of the archive, 0 to 1, that has been read.'),
      precision: z.string().optional().describe('Once the model is loaded.'),
      device: z.string().optional().describe('Once the model is loaded.'),
      threads: z.number().int().optional().describe('Threads of one inference, once the model is loaded.'),
      labels: z.array(label),
      bytes: z.number().int().describe('Size of the archive.'),
    }),
    memory: z.object({
      rssBytes: z.number().int().describe('Resident memory of the process.'),
      audioBytes: z.number().int().describe('Decoded audio that waits for the model.'),
    }),
    requests: z.object({ queued: z.number().int(), running: z.number().int(), done: z.number().int() }),
    limits: z.object({
      uploadBytes: z.number().int().describe('Maximum size of a recording.'),
      duration: z.number().describe('Maximum duration of a recording in seconds.'),
      files: z.number().int().describe('Maximum number of recordings in a batch.'),
    }),
    results: z.object({
      kept: z.boolean(),
      seconds: z.number().nullable().describe('Time after which results are deleted. Null: they are kept forever.'),
      bytes: z
        .number()
        .int()
        .nullable()
        .describe('Total size above which the oldest results are deleted. Null: there is no limit.'),
    }),
  })
  .meta({ id: 'Status' });
export type ServerStatus = z.output<typeof serverStatus>;
